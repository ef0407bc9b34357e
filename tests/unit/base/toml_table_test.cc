// A person must find the mistake from the message alone: file, line, and what is meant.
#include "base/toml_table.h"

#include <gtest/gtest.h>

namespace gangd {
namespace {

TomlTable parsed(std::string_view text) {
  auto table = TomlTable::parse(text, "a.toml");
  EXPECT_TRUE(table) << table.error().message();
  return *std::move(table);
}

template <class T>
std::string message(const Result<T>& result) {
  EXPECT_TRUE(result.failed_with(Code::kInvalid));
  return result ? "" : result.error().message();
}

TEST(TomlTable, GivesWhatStandsThere) {
  TomlTable table = parsed(
      "name = \"x\"\ncount = 7\nlist = [\"a\", \"b\"]\n[sub]\nkey = \"y\"\n"
      "[[many]]\nn = 1\n[[many]]\nn = 2\n");
  EXPECT_EQ(*table.text("name"), "x");
  EXPECT_EQ(*table.integer("count", 0, 10), 7);
  EXPECT_EQ(*table.texts_or("list", {}), (std::vector<std::string>{"a", "b"}));
  TomlTable sub = **table.table("sub");
  EXPECT_EQ(*sub.text("key"), "y");
  EXPECT_TRUE(sub.finish());
  std::vector<TomlTable> many = *table.tables("many");
  ASSERT_EQ(many.size(), 2U);
  EXPECT_EQ(*many[1].integer("n", 0, 9), 2);
  EXPECT_EQ(*table.text_or("absent", "z"), "z");
  EXPECT_EQ(*table.integer_or("absent", 0, 9, 5), 5);
  EXPECT_FALSE(table.table("none")->has_value());
  EXPECT_TRUE(table.tables("none")->empty());
  EXPECT_TRUE(table.finish());
}

TEST(TomlTable, NamesTheNearestKeyOfAnUnknownOne) {
  TomlTable table = parsed("name = \"x\"\n\nledgr = \"y\"\n");
  (void)table.text("name");
  EXPECT_EQ(*table.text_or("other", ""), "");
  (void)table.text_or("ledger", "");
  EXPECT_EQ(message(table.finish()), "a.toml:3: unknown key \"ledgr\"; did you mean \"ledger\"?");
}

TEST(TomlTable, ListsTheKeysWhenNoneIsNear) {
  TomlTable table = parsed("colour = 1\n");
  (void)table.text_or("name", "");
  EXPECT_EQ(message(table.finish()), "a.toml:1: unknown key \"colour\"; here may stand: name");
}

TEST(TomlTable, ASlipInAKeyThatMustBeThereIsFound) {
  TomlTable table = parsed("\nnmae = \"x\"\n");
  EXPECT_EQ(message(table.text("name")), "a.toml:2: unknown key \"nmae\"; did you mean \"name\"?");
  EXPECT_EQ(message(parsed("").text("name")), "a.toml:1: the key \"name\" is missing");
}

TEST(TomlTable, SaysWhatAValueMustBe) {
  TomlTable table = parsed("a = 1\nb = \"x\"\nc = 99\nd = [1]\ne = \"\"\n");
  EXPECT_EQ(message(table.text("a")), "a.toml:1: \"a\" must be a text in quotes");
  EXPECT_EQ(message(table.integer("b", 0, 9)),
            "a.toml:2: \"b\" must be a whole number from 0 to 9");
  EXPECT_EQ(message(table.integer("c", 0, 9)),
            "a.toml:3: \"c\" must be a whole number from 0 to 9");
  EXPECT_EQ(message(table.texts_or("d", {})), "a.toml:4: \"d\" must be a list of texts in quotes");
  EXPECT_EQ(message(table.text("e")), "a.toml:5: \"e\" must be a text in quotes");
  EXPECT_EQ(message(table.table("a")), "a.toml:1: \"a\" must be a table: [a]");
  EXPECT_EQ(message(table.tables("a")), "a.toml:1: \"a\" must be tables: [[a]]");
}

TEST(TomlTable, ReadsWhatTomlAllows) {
  TomlTable table = parsed(
      "\xef\xbb\xbf# comment\r\n"
      "\t a = 'C:\\x' # behind\n"
      "b = \"tab\\t \\\"quoted\\\" \\\\\"\n"
      "\"c\" = 0x1F\n"
      "d=1_000\n"
      "e = +5\nf = -5\ng = 0\n"
      "h = [ # list\n  1,\n\n  2 , # two\n]\n"
      "i = []\n"
      "j = \"\xc3\xa4\"");
  EXPECT_EQ(*table.text("a"), "C:\\x");
  EXPECT_EQ(*table.text("b"), "tab\t \"quoted\" \\");
  EXPECT_EQ(*table.integer("c", 0, 99), 31);
  EXPECT_EQ(*table.integer("d", 0, 9999), 1000);
  EXPECT_EQ(*table.integer("e", -9, 9), 5);
  EXPECT_EQ(*table.integer("f", -9, 9), -5);
  EXPECT_EQ(*table.integer("g", -9, 9), 0);
  EXPECT_TRUE(table.texts_or("h", {}).failed_with(Code::kInvalid));
  EXPECT_TRUE(table.texts_or("i", {"x"})->empty());
  EXPECT_EQ(*table.text("j"), "\xc3\xa4");
}

TEST(TomlTable, WhatIsNoTomlHasALine) {
  for (const std::string_view text : {"b = \n",
                                      "b\n",
                                      "= 1\n",
                                      "b = 1 2\n",
                                      "b = 01\n",
                                      "b = 1__0\n",
                                      "b = 0x\n",
                                      "b = 0x-1\n",
                                      "b = 1.5\n",
                                      "b = true\n",
                                      "b = 2026-11-21\n",
                                      "b = {x = 1}\n",
                                      "b = \"x\n",
                                      "b = 'x\n",
                                      "b = \"\\x\"\n",
                                      "b = \"\\",
                                      "b = \"\"\"x\"\"\"\n",
                                      "b = \"\xff\"\n",
                                      "b = \"\x01\"\n",
                                      "b.c = 1\n",
                                      "a = 2\n",
                                      "[a]\n",
                                      "[b\n",
                                      "[[b]\n",
                                      "[]\n",
                                      "[.",
                                      "b = [1 2]\n",
                                      "b = [[1]]\n",
                                      "b = [1,,2]\n",
                                      "b = 99999999999999999999\n",
                                      "\x85\xce\x8d",
                                      "b = ["}) {
    const auto table = TomlTable::parse("a = 1\n" + std::string(text), "a.toml");
    ASSERT_TRUE(table.failed_with(Code::kInvalid)) << text;
    EXPECT_EQ(table.error().message().substr(0, 9), "a.toml:2:") << table.error().message();
  }
  EXPECT_EQ(message(TomlTable::parse("[a]\n[a]\n", "a.toml")), "a.toml:2: there are two \"a\"");
  EXPECT_EQ(message(TomlTable::parse("a = [1]\n[[a]]\n", "a.toml")),
            "a.toml:2: there are two \"a\"");
  EXPECT_EQ(message(TomlTable::parse("[[a]]\nb = 1\nb = 2\n", "a.toml")),
            "a.toml:3: there are two \"b\"");
  (void)message(TomlTable::parse(std::string_view("\0", 1), "a.toml"));
  (void)message(TomlTable::parse(std::string_view("a = \"\0\"", 8), "a.toml"));
}

TEST(NearestWord, IsNearOrNone) {
  EXPECT_EQ(nearest_word("verfy", {"identify", "verify", "write"}), "verify");
  EXPECT_EQ(nearest_word("frobnicate", {"identify", "verify", "write"}), "");
  EXPECT_EQ(nearest_word("x", {}), "");
}

}  // namespace
}  // namespace gangd
