// What is UTF-8 and what only looks like it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace gangd {

// The length of the character that `text` begins with; 0 if it is none (Unicode 15, table 3-7: no
// overlong forms, no surrogates).
std::size_t utf8_length(std::string_view text);

bool is_utf8(std::string_view text);

// The same text, with U+FFFD for each byte that belongs to no character.
std::string as_utf8(std::string_view text);

}  // namespace gangd
