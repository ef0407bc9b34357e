// An auditor makes the bytes again and compares: one way of writing each event, for ever.
#include "ledger/event.h"

#include <gtest/gtest.h>

#include <chrono>

#include "ledger/canonical_json.h"
#include "tests/unit/ledger/samples.h"

namespace gangd {
namespace {

TEST(Event, EachKindComesBackAsItWas) {
  for (const LedgerEvent& event : sample_events()) {
    const Entry entry = sample_entry(event);
    const auto back = decode_entry(encode_entry(entry));
    ASSERT_TRUE(back) << back.error().message();
    EXPECT_EQ(*back, entry);
  }
}

// What FORMAT.md shows; a change here is a new format.
TEST(Event, BytesAreThoseOfFormatMd) {
  EXPECT_EQ(encode_entry(sample_entry(JobEnded{{1, 2}, "r-1", "operator", "stopped"})),
            R"({"at":"2026-11-21T08:15:00.000250Z","epoch":1,"event":{"job":"1-2",)"
            R"("reason":"stopped","request":"r-1","role":"operator"},"n":17,)"
            R"("station":"line-1","type":"job_ended","v":1})");
}

TEST(Event, OtherWaysOfWritingAreRefused) {
  const std::string bytes = encode_entry(sample_entry(DaemonStarted{"0.1.0"}));
  ASSERT_TRUE(decode_entry(bytes));
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{{"{\"at\"", "{ \"at\""},
                                                        {"\"n\":17", "\"n\":017"},
                                                        {"\"v\":1", "\"v\":2"},
                                                        {"0.1.0", "\\u0030.1.0"},
                                                        {"\"v\":1", "\"v\":1,\"w\":1"},
                                                        {"daemon_started", "daemon_stopped"},
                                                        {"2026-11-21", "2026-13-21"},
                                                        {"\"event\"", "\"Event\""}}) {
    std::string other = bytes;
    other.replace(other.find(from), from.size(), to);
    EXPECT_TRUE(decode_entry(other).failed_with(Code::kInvalid)) << other;
  }
}

TEST(Event, RubbishIsRefused) {
  for (const std::string_view text : {"",         "{",    "[",          "\"",
                                      "{}",       "[]",   "17",         "-1",
                                      "1.5",      "true", "null",       "{\"a\":}",
                                      "{\"a\"",   "\"\\", "\"\\u12",    "\"\\ud800\"",
                                      "\"\xff\"", "[1,]", "{\"v\":1}x", "99999999999999999999"}) {
    EXPECT_TRUE(decode_entry(text).failed_with(Code::kInvalid)) << text;
  }
  EXPECT_TRUE(parse_json(std::string(100'000, '[')).failed_with(Code::kInvalid));
}

// RFC 8785, 3.2.2.2.
TEST(Event, StringsAreEscapedInOneWay) {
  const Json json = {std::string("\b\t\n\f\r\"\\/\x01\x1f\x7f\xc3\xa4\xf0\x9f\x98\x80")};
  const std::string text = canonical_json(json);
  EXPECT_EQ(text, "\"\\b\\t\\n\\f\\r\\\"\\\\/\\u0001\\u001f\x7f\xc3\xa4\xf0\x9f\x98\x80\"");
  EXPECT_EQ(std::get<std::string>(parse_json(text)->value), std::get<std::string>(json.value));
}

// A board says what it likes in its strings.
TEST(Event, WhatIsNoUtf8IsReplaced) {
  const Json json = {std::string("a\xff\xed\xa0\x80\xc0\xaf z")};
  EXPECT_EQ(canonical_json(json),
            "\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd z\"");
}

TEST(Event, IdsHaveOneForm) {
  EXPECT_EQ(EventId::parse("1-17"), (EventId{1, 17}));
  EXPECT_EQ((EventId{3, 4}).to_string(), "3-4");
  for (const std::string_view text :
       {"", "1", "1-", "-1", "01-1", "1-01", "1-1 ", " 1-1", "1-x", "+1-1", "5000000000-1"}) {
    EXPECT_TRUE(EventId::parse(text).failed_with(Code::kInvalid)) << text;
  }
}

TEST(Event, TheChainIsShaOverTheHashBeforeAndTheRecordsOwn) {
  // (head -c 32 /dev/zero; printf a | sha256sum | xxd -r -p) | sha256sum
  EXPECT_EQ(chain({}, "a").hex(),
            "8c374a53782642f7514d087d26a3e733f1b806009a03e04a43b288ef2fa9f9c0");
  EXPECT_NE(chain({}, "a"), chain({}, "b"));
  EXPECT_NE(chain(chain({}, "a"), "b"), chain(chain({}, "b"), "a"));
}

}  // namespace
}  // namespace gangd
