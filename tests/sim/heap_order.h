// Lets addresses differ from run to run, so that whoever iterates in their order is found.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gangd::sim {

// From now on operator new gives addresses in an order that follows from `salt`; 0 leaves the
// allocator as it is. Without effect under ThreadSanitizer.
void salt_heap(std::uint64_t salt);

// What operator new calls, and free() undoes.
void* salted_allocate(std::size_t size);

}  // namespace gangd::sim
