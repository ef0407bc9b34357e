#include "base/linked_list.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace gangd {
namespace {

struct Member : Link {
  explicit Member(int n) : number(n) {}
  int number;
};

std::vector<int> numbers(const LinkedList<Member>& list) {
  std::vector<int> all;
  for (const Member& member : list) all.push_back(member.number);
  return all;
}

TEST(LinkedList, KeepsTheOrderOfJoining) {
  Member one(1), two(2), three(3);
  LinkedList<Member> list;
  EXPECT_TRUE(list.empty());
  list.push_back(one);
  list.push_back(two);
  list.push_back(three);
  EXPECT_EQ(numbers(list), (std::vector{1, 2, 3}));
  two.unlink();
  EXPECT_EQ(numbers(list), (std::vector{1, 3}));
  EXPECT_EQ(list.pop_front().number, 1);
  EXPECT_EQ(list.pop_front().number, 3);
  EXPECT_TRUE(list.empty());
}

// A pending event whose owner dies must not be delivered.
TEST(LinkedList, AMemberThatIsDestroyedLeaves) {
  auto one = std::make_unique<Member>(1);
  Member two(2);
  LinkedList<Member> list;
  list.push_back(*one);
  list.push_back(two);
  one.reset();
  EXPECT_EQ(numbers(list), std::vector{2});
}

TEST(LinkedList, AMemberIsInOneListAtMost) {
  Member one(1);
  LinkedList<Member> list;
  LinkedList<Member> other;
  list.push_back(one);
  EXPECT_DEATH(other.push_back(one), "CHECK");
  one.unlink();
  one.unlink();
  other.push_back(one);
  EXPECT_EQ(numbers(other), std::vector{1});
}

}  // namespace
}  // namespace gangd
