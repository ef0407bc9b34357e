// The operator new of `sim`. Not linked under ThreadSanitizer, whose own cannot be replaced.
#include <cstdlib>
#include <new>

#include "tests/sim/heap_order.h"

void* operator new(std::size_t size) {
  return gangd::sim::salted_allocate(size);
}
void operator delete(void* block) noexcept {
  std::free(block);
}
void operator delete(void* block, std::size_t) noexcept {
  std::free(block);
}
