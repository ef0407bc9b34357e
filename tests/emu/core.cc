#include "tests/emu/core.h"

#include <unicorn/unicorn.h>

#include <algorithm>

#include "base/check.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
// The library loses a few bytes when an access that it has begun is given up. The name is the
// sanitizer's.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() {
  return "leak:libunicorn.so";
}
#endif
#endif

namespace gangd::emu {
namespace {

constexpr std::uint32_t kThumb = 1u << 24;
constexpr std::uint64_t kNowhere = 0xffffffff;
constexpr std::uint32_t kControlPrivilege = 1, kControlStack = 2, kControlFloat = 4;
// The library takes this CPU for one with two worlds, and wants to be told for which.
constexpr std::uint32_t kControlFloatToo = 8;

// Of the library: numbers of what it calls interrupts.
constexpr std::uint32_t kSvcInterrupt = 2, kBkptInterrupt = 7, kReturnInterrupt = 8;

int id_of(unsigned n) {
  switch (n) {
    case Core::kSp:
      return UC_ARM_REG_SP;
    case Core::kLr:
      return UC_ARM_REG_LR;
    case Core::kPc:
      return UC_ARM_REG_PC;
    default:
      return UC_ARM_REG_R0 + static_cast<int>(n);
  }
}

void must(uc_err error, const char* doing) {
  CHECK(error == UC_ERR_OK, "{}: {}", doing, uc_strerror(error));
}

std::uint32_t protection(bool readable, bool writable) {
  return UC_PROT_EXEC | (readable ? UC_PROT_READ : 0u) | (writable ? UC_PROT_WRITE : 0u);
}

// MSR, or CPSIE and CPSID.
bool changes_state(std::uint16_t opcode) {
  return (opcode & 0xfff0) == 0xf380 || (opcode & 0xffe0) == 0xb660;
}

// Of coprocessor 10 or 11, the FPU, by its first halfword; and by its second.
bool may_be_float(std::uint16_t opcode) {
  return (opcode & 0xec00) == 0xec00;
}
bool is_float_behind(std::uint16_t opcode) {
  return (opcode & 0x0e00) == 0x0a00;
}

}  // namespace

// What the library calls. It unwinds by longjmp, but only after these have returned.
struct Core::Hooks {
  static void instruction(uc_engine*, std::uint64_t at, std::uint32_t, void* self) {
    Core& core = *static_cast<Core*>(self);
    const auto address = static_cast<std::uint32_t>(at);
    core.trace_[++core.instructions_ % kTraceMax] = address;
    const bool elsewhere = address - core.runnable_.from >= core.runnable_.size;
    if (++core.cycles_ >= core.look_at_ || elsewhere || address == core.stop_at_) {
      core.look(address);
    }
    if (!core.float_allowed_ && core.is_float(address)) {
      core.float_refused_ = true;
      core.stop();
      uc_emu_stop(core.engine_);
    }
  }

  // MSR and CPS are the last of their blocks.
  static void block(uc_engine*, std::uint64_t, std::uint32_t, void* self) {
    Core& core = *static_cast<Core*>(self);
    const std::uint32_t offset = core.last() - core.runnable_.from;
    if (offset + 1 >= core.runnable_.size) return core.look_at_state();
    const std::uint8_t* const bytes = core.runnable_.bytes + offset;
    if (changes_state(static_cast<std::uint16_t>(bytes[0] | bytes[1] << 8))) core.look_at_state();
  }

  static void interrupt(uc_engine* engine, std::uint32_t number, void* self) {
    Core& core = *static_cast<Core*>(self);
    core.ended_ = number == kSvcInterrupt      ? Ended::kSupervisorCall
                  : number == kReturnInterrupt ? Ended::kExceptionReturn
                  : number == kBkptInterrupt   ? Ended::kBreakpoint
                                               : Ended::kUndefined;
    uc_emu_stop(engine);
  }

  static bool not_mapped(uc_engine*, uc_mem_type type, std::uint64_t address, int size,
                         std::int64_t value, void* self) {
    const bool fetches = type == UC_MEM_FETCH_PROT || type == UC_MEM_FETCH_UNMAPPED;
    const bool writes = type == UC_MEM_WRITE_PROT || type == UC_MEM_WRITE_UNMAPPED;
    return static_cast<Core*>(self)->system_.not_mapped(static_cast<std::uint32_t>(address),
                                                        static_cast<unsigned>(size),
                                                        fetches  ? Access::kFetch
                                                        : writes ? Access::kWrite
                                                                 : Access::kRead,
                                                        static_cast<std::uint32_t>(value));
  }

  static std::uint64_t read(uc_engine*, std::uint64_t offset, unsigned size, void* self) {
    const Registers& at = *static_cast<Registers*>(self);
    return at.core.system_.read(at.address + static_cast<std::uint32_t>(offset), size);
  }
  static void write(uc_engine*, std::uint64_t offset, unsigned size, std::uint64_t value,
                    void* self) {
    const Registers& at = *static_cast<Registers*>(self);
    at.core.system_.write(at.address + static_cast<std::uint32_t>(offset), size,
                          static_cast<std::uint32_t>(value));
  }
};

Result<std::unique_ptr<Core>> Core::make(System& system) {
  uc_engine* engine = nullptr;
  const auto mode = static_cast<uc_mode>(UC_MODE_THUMB | UC_MODE_MCLASS);
  uc_err error = uc_open(UC_ARCH_ARM, mode, &engine);
  if (error == UC_ERR_OK) {
    error = uc_ctl_set_cpu_model(engine, UC_CPU_ARM_CORTEX_M7);
    if (error != UC_ERR_OK) uc_close(engine);
  }
  if (error != UC_ERR_OK) {
    return Error(Code::kUnsupported, "libunicorn offers no Cortex-M7: {}; install version 2",
                 uc_strerror(error));
  }
  return std::make_unique<Core>(engine, system);
}

Core::Core(uc_struct* engine, System& system) : engine_(engine), system_(system) {
  const auto add = [&](int kind, void* callback) {
    uc_hook hook = 0;
    must(uc_hook_add(engine_, &hook, kind, callback, this, 1, 0), "a hook");
  };
  add(UC_HOOK_CODE, reinterpret_cast<void*>(&Hooks::instruction));
  add(UC_HOOK_BLOCK, reinterpret_cast<void*>(&Hooks::block));
  add(UC_HOOK_INTR, reinterpret_cast<void*>(&Hooks::interrupt));
  add(UC_HOOK_MEM_INVALID, reinterpret_cast<void*>(&Hooks::not_mapped));
}

Core::~Core() {
  uc_close(engine_);
}

Core::Ended Core::run() {
  stopping_ = float_refused_ = false;
  ended_ = Ended::kWaits;
  look_at_ = deadline_;
  const std::uint64_t before = instructions_;
  const uc_err error = uc_emu_start(engine_, get(kPc) | 1, kNowhere, 0, 0);
  if (error == UC_ERR_INSN_INVALID) {
    if ((psr() & kThumb) == 0) return Ended::kInvalidState;
    // The library takes WFE for one, and has gone past it. It may end at any time, and so at once.
    return get(kPc) != last() ? Ended::kStopped : Ended::kUndefined;
  }
  if (error != UC_ERR_OK) return Ended::kAborted;
  // The last one was shown to us, and not run.
  if (stopping_ && instructions_ != before && get(kPc) == last()) {
    --instructions_;
    --cycles_;
    if (float_refused_) return Ended::kNoFloat;
  }
  return stopping_ && ended_ == Ended::kWaits ? Ended::kStopped : ended_;
}

// Something may be due before this instruction.
void Core::look(std::uint32_t address) {
  if (address - runnable_.from >= runnable_.size && !stopping_) {
    runnable_ = system_.runnable(address);
    if (runnable_.size == 0) stop();
  }
  if (cycles_ > deadline_ || address == stop_at_) stop();
  if (stopping_) uc_emu_stop(engine_);
}

void Core::look_at_state() {
  std::uint16_t opcode = 0;
  if (uc_mem_read(engine_, last(), &opcode, sizeof(opcode)) != UC_ERR_OK) return;
  if (!changes_state(opcode)) return;
  learn_state();
  if (system_.state_changed()) stop();
}

void Core::learn_state() {
  control_ = read_register(UC_ARM_REG_CONTROL);
  const bool handler = exception() != 0;
  privileged_ = handler || (control_ & kControlPrivilege) == 0;
  // Without privilege they cannot be changed, nor read.
  if (!privileged_) return;
  masks_.primask = (read_register(UC_ARM_REG_PRIMASK) & 1) != 0;
  masks_.faultmask = (read_register(UC_ARM_REG_FAULTMASK) & 1) != 0;
  masks_.basepri = static_cast<std::uint8_t>(read_register(UC_ARM_REG_BASEPRI));
}

// Without an FPU it would be none of the CPU's. What is not to be seen of it, the rest of a page of
// mixed rights or the next page, is taken to be of the FPU: this CPU has no other coprocessor.
bool Core::is_float(std::uint32_t address) const {
  const std::uint32_t offset = address - runnable_.from;
  if (offset + 1 >= runnable_.size) return false;
  const std::uint8_t* const at = runnable_.bytes + offset;
  if (!may_be_float(static_cast<std::uint16_t>(at[0] | at[1] << 8))) return false;
  if (offset + 3 >= runnable_.size) return true;
  return is_float_behind(static_cast<std::uint16_t>(at[2] | at[3] << 8));
}

bool Core::at_double() const {
  std::array<std::uint16_t, 2> opcode{};
  if (uc_mem_read(engine_, get(kPc) & ~1u, opcode.data(), sizeof(opcode)) != UC_ERR_OK) {
    return false;
  }
  return may_be_float(opcode[0]) && (opcode[1] & 0x0f00) == 0x0b00;
}

bool Core::uses_float() const {
  return (read_register(UC_ARM_REG_CONTROL) & kControlFloat) != 0;
}

std::array<std::uint32_t, Core::kFloats> Core::floats() const {
  std::array<std::uint32_t, kFloats> words{};
  for (unsigned n = 0; n + 1 < kFloats; ++n) {
    words[n] = read_register(UC_ARM_REG_S0 + static_cast<int>(n));
  }
  words.back() = read_register(UC_ARM_REG_FPSCR);
  return words;
}

void Core::set_floats(std::span<const std::uint32_t, kFloats> words) {
  for (unsigned n = 0; n + 1 < kFloats; ++n) {
    write_register(UC_ARM_REG_S0 + static_cast<int>(n), words[n]);
  }
  write_register(UC_ARM_REG_FPSCR, words.back());
}

void Core::set_deadline(std::uint64_t cycles) {
  deadline_ = cycles;
  if (!stopping_) look_at_ = cycles;
}

std::span<const std::uint32_t> Core::trace(std::array<std::uint32_t, kTraceMax>& space) const {
  const std::size_t count = std::min<std::uint64_t>(instructions_, kTraceMax);
  for (std::size_t i = 0; i < count; ++i) {
    space[i] = trace_[(instructions_ - count + 1 + i) % kTraceMax];
  }
  return std::span(space).first(count);
}

std::uint32_t Core::read_register(int id) const {
  std::uint32_t value = 0;
  must(uc_reg_read(engine_, id, &value), "a register");
  return value;
}

void Core::write_register(int id, std::uint32_t value) {
  must(uc_reg_write(engine_, id, &value), "a register");
}

std::uint32_t Core::get(unsigned n) const {
  return read_register(id_of(n));
}
void Core::set(unsigned n, std::uint32_t value) {
  write_register(id_of(n), value);
}
std::uint32_t Core::main_sp() const {
  return read_register(UC_ARM_REG_MSP);
}
std::uint32_t Core::process_sp() const {
  return read_register(UC_ARM_REG_PSP);
}
std::uint32_t Core::psr() const {
  return read_register(UC_ARM_REG_XPSR);
}
// Without the T bit the library runs nothing; who finds it cleared is System.
void Core::set_psr(std::uint32_t value) {
  write_register(UC_ARM_REG_XPSR, value | kThumb);
  learn_state();
}

// The library obeys as the CPU would: only handlers may, and in them the stack is not switched.
void Core::set_control(std::uint32_t value) {
  const std::uint32_t was = psr();
  constexpr std::uint32_t kHandler = 2;
  if ((was & 0x1ff) == 0) write_register(UC_ARM_REG_XPSR, was | kHandler | kThumb);
  const std::uint32_t floats = (value & kControlFloat) != 0 ? kControlFloat | kControlFloatToo : 0;
  write_register(UC_ARM_REG_CONTROL, (value & (kControlPrivilege | kControlStack)) | floats);
  write_register(UC_ARM_REG_XPSR, was | kThumb);
  learn_state();
}

void Core::set_masks(const Masks& masks) {
  const std::uint32_t was = psr();
  constexpr std::uint32_t kHandler = 2;
  if ((was & 0x1ff) == 0) write_register(UC_ARM_REG_XPSR, was | kHandler | kThumb);
  write_register(UC_ARM_REG_PRIMASK, masks.primask ? 1 : 0);
  write_register(UC_ARM_REG_FAULTMASK, masks.faultmask ? 1 : 0);
  write_register(UC_ARM_REG_BASEPRI, masks.basepri);
  write_register(UC_ARM_REG_XPSR, was | kThumb);
  masks_ = masks;
}

void Core::reset(std::uint32_t sp, std::uint32_t pc) {
  write_register(UC_ARM_REG_XPSR, 2 | kThumb);
  write_register(UC_ARM_REG_CONTROL, 0);
  for (unsigned n = 0; n < kSp; ++n) set(n, 0);
  set_masks({});
  set_psr(0);
  set(kSp, sp & ~3u);
  set(kLr, 0xffffffff);
  set(kPc, pc | 1);
  forget_runnable();
}

void Core::map_ram(std::uint32_t address, std::span<std::uint8_t> host, bool readable,
                   bool writable) {
  must(uc_mem_map_ptr(engine_, address, host.size(), protection(readable, writable), host.data()),
       "RAM");
}

// What it has looked up the library forgets only when writing is switched on or off.
void Core::protect(std::uint32_t address, std::uint32_t size, bool readable, bool writable) {
  must(uc_mem_protect(engine_, address, size, protection(readable, !writable)), "protection");
  must(uc_mem_protect(engine_, address, size, protection(readable, writable)), "protection");
}

void Core::map_registers(std::uint32_t address, std::uint32_t size) {
  auto& registers = registers_[address];
  if (registers == nullptr) registers = std::make_unique<Registers>(*this, address);
  void* const at = registers.get();
  must(uc_mmio_map(engine_, address, size, &Hooks::read, at, &Hooks::write, at), "registers");
}

void Core::unmap(std::uint32_t address, std::uint32_t size) {
  // So that it forgets: what it has looked up points to memory that may be gone.
  protect(address, size, true, false);
  must(uc_mem_unmap(engine_, address, size), "unmapping");
}

void Core::poke(std::uint32_t address, std::span<const std::uint8_t> bytes) {
  must(uc_mem_write(engine_, address, bytes.data(), bytes.size()), "writing");
}

}  // namespace gangd::emu
