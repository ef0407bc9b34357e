// How exceptions begin and end: stacks, modes, and faults that find no handler.
#include <fmt/core.h>

#include <algorithm>

#include "tests/emu/machine.h"
#include "tests/emu/words.h"

namespace gangd::emu {
namespace {

constexpr std::uint32_t kToHandler = 0xfffffff1, kToThread = 0xfffffff9,
                        kToThreadProcess = 0xfffffffd;
constexpr std::uint32_t kBasicFrame = 1u << 4;  // in EXC_RETURN: nothing of the FPU is stacked
constexpr std::uint32_t kControlStack = 2, kControlFloat = 4;
constexpr std::uint32_t kPsrAlign = 1u << 9, kPsrException = 0x1ff, kPsrFlags = 0xf80f0000;
constexpr std::uint32_t kFrame = 32;
// With S0 to S15, FPSCR, and a word that holds nothing.
constexpr std::uint32_t kFloatFrame = kFrame + 4 * (Core::kFloats + 1);
constexpr std::uint32_t kForced = 1u << 30, kVectorRead = 1u << 1;
constexpr std::uint32_t kInvalidReturn = 1u << 18;
constexpr std::uint32_t kAddressValid[] = {1u << 7, 1u << 15};  // of MemManage, of BusFault
constexpr std::uint64_t kEntryCycles = 12;
constexpr unsigned kFrameRegisters[] = {0, 1, 2, 3, 12, 14};

void put(std::span<std::uint8_t> frame, std::size_t n, std::uint32_t value) {
  std::ranges::copy(bytes_of(value), frame.subspan(n * 4).begin());
}

}  // namespace

bool Machine::take_pending() {
  const unsigned exception = system_.exceptions().next(core_->masks());
  if (exception == kNone) return false;
  enter(exception, program_counter());
  return true;
}

// An exception of the instruction itself: it is taken, or becomes a HardFault.
void Machine::take_now(unsigned exception, std::uint32_t return_address) {
  Exceptions& exceptions = system_.exceptions();
  const int running = exceptions.running_priority(core_->masks());
  if (exceptions.enabled(exception) && exceptions.group_priority(exception) < running) {
    return enter(exception, return_address);
  }
  // Of faults handle_fault() has told.
  if (!options_.take_faults) return violate("SVC while nothing of its priority can be taken");
  system_.faults().hfsr |= exception == kHardFault ? 0 : kForced;
  if (exceptions.group_priority(kHardFault) >= running) return lock_up("a fault within a fault");
  enter(kHardFault, return_address);
}

void Machine::lock_up(const std::string& why) {
  violate("the CPU is locked up: " + why);
}

void Machine::handle_fault() {
  const Fault fault = *std::move(fault_);
  fault_.reset();
  if (!before_.empty()) {
    for (unsigned n = 0; n < Core::kPc; ++n) core_->set(n, before_[n]);
    core_->set(Core::kPc, before_pc_ | 1);
    before_.clear();
  }
  if (!options_.take_faults) return violate(fault.sentence);
  if (options_.on_trace) options_.on_trace("fault: " + fault.sentence);
  FaultStatus& status = system_.faults();
  status.cfsr |= fault.status;
  if (fault.address && fault.exception == kMemManage) {
    status.mmfar = *fault.address;
    status.cfsr |= kAddressValid[0];
  } else if (fault.address && fault.exception == kBusFault) {
    status.bfar = *fault.address;
    status.cfsr |= kAddressValid[1];
  }
  take_now(fault.exception, program_counter());
}

// False: the stack could not take it, and that is told.
bool Machine::push_frame(std::uint32_t return_address, std::uint32_t& exc_return) {
  const bool in_handler = core_->exception() != 0;
  const bool process = !in_handler && (core_->control() & kControlStack) != 0;
  exc_return = in_handler ? kToHandler : process ? kToThreadProcess : kToThread;
  // At once, where silicon with LSPEN keeps the place, and waits for who uses the FPU.
  const bool floats = core_->uses_float() && system_.stacks_floats();
  if (floats) exc_return &= ~kBasicFrame;
  const std::uint32_t sp = core_->get(Core::kSp);
  const bool pads = (sp & 4) != 0 && (system_.aligns_stack() || floats);
  const std::uint32_t size = floats ? kFloatFrame : kFrame;
  const std::uint32_t frame = sp - size - (pads ? 4 : 0);
  std::array<std::uint8_t, kFloatFrame> space{};
  const auto bytes = std::span(space).first(size);
  for (std::size_t i = 0; i < std::size(kFrameRegisters); ++i) {
    put(bytes, i, core_->get(kFrameRegisters[i]));
  }
  put(bytes, 6, return_address);
  put(bytes, 7, (core_->psr() & ~kPsrAlign) | (pads ? kPsrAlign : 0));
  if (floats) {
    const auto words = core_->floats();
    for (std::size_t i = 0; i < words.size(); ++i) put(bytes, 8 + i, words[i]);
  }
  if (!memory_->permits(frame, size, Access::kWrite) || !memory_->write(frame, bytes)) {
    violate(fmt::format("no stack for an exception: {:#010x}", frame));
    return false;
  }
  core_->set(Core::kSp, frame);
  return true;
}

void Machine::enter(unsigned exception, std::uint32_t return_address) {
  std::uint32_t exc_return = 0;
  asleep_ = false;
  if (!push_frame(return_address, exc_return)) return;
  std::array<std::uint8_t, 4> vector;
  const std::uint32_t at = system_.vectors() + exception * 4;
  if (!memory_->read(at, vector)) {
    system_.faults().hfsr |= kVectorRead;
    return violate(fmt::format("no vector of exception {}: nothing is at {:#010x}", exception, at));
  }
  const std::uint32_t handler = word_at(vector, 0);
  if (options_.on_trace) {
    options_.on_trace(fmt::format("exception {} at {}", exception, describe(return_address)));
  }
  if ((handler & 1) == 0) {
    return violate(
        fmt::format("the vector of exception {} is {:#010x}: no program", exception, handler));
  }
  const std::uint32_t control = core_->control();
  core_->set_psr((core_->psr() & kPsrFlags) | exception);
  core_->set_control(control & ~(kControlStack | kControlFloat));
  core_->set(Core::kLr, exc_return);
  core_->set(Core::kPc, handler);
  system_.exceptions().enter(exception);
  core_->pass(kEntryCycles);
}

void Machine::leave(std::uint32_t exc_return) {
  Exceptions& exceptions = system_.exceptions();
  const unsigned exception = core_->exception();
  const bool floats = (exc_return & kBasicFrame) == 0;
  const std::uint32_t to = exc_return | kBasicFrame;
  const bool to_handler = to == kToHandler, process = to == kToThreadProcess;
  const bool known = to_handler || process || to == kToThread;
  const bool last = exceptions.active_count() <= 1;
  const bool fits = to_handler ? !last : last || system_.thread_from_any_level();
  if (exception == kNone || !known || !fits) {
    return raise(
        {.exception = kUsageFault,
         .status = kInvalidReturn,
         .address = std::nullopt,
         .sentence = fmt::format("a return by {:#010x} from exception {}", exc_return, exception)});
  }
  const std::uint32_t frame = process ? core_->process_sp() : core_->get(Core::kSp);
  std::array<std::uint8_t, kFloatFrame> space{};
  const auto bytes = std::span(space).first(floats ? kFloatFrame : kFrame);
  if (!memory_->read(frame, bytes)) {
    return violate(fmt::format("no stack to return from an exception: {:#010x}", frame));
  }
  exceptions.leave(exception);
  if (exception != kNmi && core_->masks().faultmask) {
    Masks masks = core_->masks();
    masks.faultmask = false;
    core_->set_masks(masks);
  }
  const std::uint32_t psr = word_at(bytes, 28);
  if (to_handler != ((psr & kPsrException) != 0)) {
    return violate(fmt::format("the frame at {:#010x} is of another mode", frame));
  }
  if (floats) {
    std::array<std::uint32_t, Core::kFloats> words{};
    for (std::size_t i = 0; i < words.size(); ++i) words[i] = word_at(bytes, kFrame + 4 * i);
    core_->set_floats(words);
  }
  const std::uint32_t control = floats ? kControlFloat : 0;
  if (to_handler) {
    core_->set_control((core_->control() & 3) | control);
  } else {
    core_->set_control((core_->control() & 1) | (process ? kControlStack : 0) | control);
  }
  core_->set_psr(psr & ~kPsrAlign);
  const auto size = static_cast<std::uint32_t>(bytes.size());
  core_->set(Core::kSp, frame + size + ((psr & kPsrAlign) != 0 ? 4 : 0));
  for (std::size_t i = 0; i < std::size(kFrameRegisters); ++i) {
    core_->set(kFrameRegisters[i], word_at(bytes, i * 4));
  }
  core_->set(Core::kPc, word_at(bytes, 24) | 1);
  core_->pass(kEntryCycles);
  if (!to_handler && system_.sleeps_on_exit()) asleep_ = true;
}

}  // namespace gangd::emu
