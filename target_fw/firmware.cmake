# The firmware of each folder in boards/, and in GANGD_MORE_BOARDS: BOARD-ram and BOARD-resident, as
# .elf and .bin, by the chips' own compiler. All but board.c is the same for all, and compiled once.
set(GANGD_MORE_BOARDS "" CACHE PATH "A folder with further folders of boards")
set(fw "${CMAKE_CURRENT_SOURCE_DIR}")
set(out "${PROJECT_BINARY_DIR}/firmware")
find_package(Python3 3.11 REQUIRED COMPONENTS Interpreter)
find_program(GANGD_ARM_OBJCOPY arm-none-eabi-objcopy)
file(MAKE_DIRECTORY "${out}/objects")

# The flags that both the compiler and the linker need.
set(chip_flags -mcpu=cortex-m7 -mthumb -mfloat-abi=soft)
set(c_flags ${chip_flags} -std=c11 -Os -g -ffreestanding -fbuiltin -ffunction-sections
  -fdata-sections -fno-common -fno-tree-loop-distribute-patterns -fcallgraph-info=su
  -fno-jump-tables -fno-schedule-insns2 -fno-move-loop-invariants
  -fno-tree-tail-merge -fno-tree-dominator-opts -fno-thread-jumps
  -fno-tree-loop-optimize -fno-caller-saves # all: 1.7 % less
  -Wall -Wextra -Wconversion -Wmissing-prototypes -Wvla -Werror
  -DXFP_PAYLOAD_MAX=8192u "-I${fw}/..")

# The object of one source, in `objects` of the caller; `name` if it is compiled in several ways.
function(gangd_object result source name)
  set(object "${out}/objects/${name}.o")
  get_property(known GLOBAL PROPERTY "gangd_object_${name}")
  if(NOT known)
    add_custom_command(
      OUTPUT "${object}"
      COMMAND "${GANGD_ARM_GCC}" ${c_flags} ${ARGN}
        -MMD -MF "${object}.d" -c "${source}" -o "${object}"
      DEPENDS "${source}"
      DEPFILE "${object}.d"
      WORKING_DIRECTORY "${out}/objects"
      VERBATIM)
    set_property(GLOBAL PROPERTY "gangd_object_${name}" TRUE)
  endif()
  set(${result} "${object}" PARENT_SCOPE)
endfunction()

function(gangd_objects result)
  foreach(source ${ARGN})
    string(REPLACE "/" "_" name "${source}")
    gangd_object(object "${fw}/${source}" "${name}")
    list(APPEND objects "${object}")
  endforeach()
  set(${result} ${objects} PARENT_SCOPE)
endfunction()

function(gangd_sources_of result target folder)
  get_target_property(sources ${target} SOURCES)
  list(TRANSFORM sources PREPEND "${folder}/")
  set(${result} ${sources} PARENT_SCOPE)
endfunction()

gangd_sources_of(core_sources fw_core core)
gangd_sources_of(boot_sources fw_boot boot)
# Smaller ones take the place of these, and SHA-256 is done by the chip's own unit where it has one.
list(REMOVE_ITEM core_sources core/crc32c.c core/sha256_blocks.c core/sha256.c)
gangd_objects(common ${core_sources} mcu/armv7m/armv7m.c mcu/armv7m/crc32c_ram.c
  mcu/armv7m/sha256_small.c mcu/armv7m/small_library.c mcu/startup/vectors.c mcu/dwc2/dwc2.c
  mcu/stm32h7rs/clocks.c mcu/stm32h7rs/flash.c
  mcu/stm32h7rs/loader.c mcu/stm32h7rs/pins.c mcu/stm32h7rs/psram.c mcu/stm32h7rs/xspi.c)
gangd_object(soft_sha256 "${fw}/core/sha256.c" core_sha256_soft
  -Dsha256_begin=sha256_soft_begin -Dsha256_update=sha256_soft_update
  -Dsha256_end=sha256_soft_end -Wno-missing-prototypes)
gangd_objects(sha256_stm32h7s mcu/stm32h7rs/sha256_hash.c)
list(APPEND sha256_stm32h7s "${soft_sha256}")
gangd_objects(sha256_stm32h7r core/sha256.c)
gangd_objects(image_ram mcu/stm32h7rs/ram_loader.c)
gangd_objects(image_resident mcu/stm32h7rs/resident_loader.c mcu/stm32h7rs/boot_flag.c
  ${boot_sources})

# One image of one board. The link prints what it takes, and fails beyond its limits.
function(gangd_image board image board_object chip)
  set(elf "${out}/${board}-${image}.elf")
  set(bin "${out}/${board}-${image}.bin")
  set(objects ${common} ${image_${image}} "${board_object}")
  string(SUBSTRING "${chip}" 0 8 line)
  list(APPEND objects ${sha256_${line}})
  set(scripts "${fw}/mcu/stm32h7rs")
  add_custom_command(
    OUTPUT "${elf}" "${bin}"
    COMMAND "${GANGD_ARM_GCC}" ${chip_flags} -nostartfiles --specs=nano.specs -Wl,--gc-sections
      -Wl,--build-id=none -Wl,--fatal-warnings -Wl,--no-warn-rwx-segments "-L${scripts}"
      "-T${scripts}/${image}.ld" ${objects} -o "${elf}" -lc -lgcc
    COMMAND "${GANGD_ARM_OBJCOPY}" -O binary "${elf}" "${bin}"
    COMMAND Python3::Interpreter "${fw}/image_size.py" "${elf}" ${objects}
    DEPENDS ${objects} "${scripts}/${image}.ld" "${scripts}/sections.ld" "${fw}/image_size.py"
    VERBATIM)
  set_property(GLOBAL APPEND PROPERTY gangd_images "${bin}")
endfunction()

# All of a board: its board.cmake says which chip it has.
function(gangd_board folder)
  get_filename_component(board "${folder}" NAME)
  include("${folder}/board.cmake")
  gangd_object(object "${folder}/${BOARD_SOURCE}" "board_${board}")
  gangd_image("${board}" ram "${object}" "${BOARD_CHIP}")
  gangd_image("${board}" resident "${object}" "${BOARD_CHIP}")
endfunction()

set(places "${fw}/boards/*/board.cmake" "${PROJECT_SOURCE_DIR}/tests/emu/boards/*/board.cmake")
if(GANGD_MORE_BOARDS)
  list(APPEND places "${GANGD_MORE_BOARDS}/*/board.cmake")
endif()
file(GLOB boards CONFIGURE_DEPENDS ${places})
foreach(file ${boards})
  get_filename_component(folder "${file}" DIRECTORY)
  gangd_board("${folder}")
endforeach()
get_property(images GLOBAL PROPERTY gangd_images)
add_custom_target(firmware ALL DEPENDS ${images})
