// What the unit page asks for.
#pragma once

#include "web/route.h"
#include "web/web_calls.h"

namespace gangd {

// ?q= a serial, a UID or an image's SHA-256: the units that it means, the newest attempt's verdict
// with each.
Task<Result<WebAnswer>> find_units(WebCalls& calls, WebRequest request);
// ?uid= one unit with every attempt.
Task<Result<WebAnswer>> show_unit(WebCalls& calls, WebRequest request);
// ?uid= the file that deploy/audit/verify.py checks.
Task<Result<WebAnswer>> show_evidence(WebCalls& calls, WebRequest request);

}  // namespace gangd
