// A list that its members carry in themselves: joining and leaving allocate nothing, and a member
// that is destroyed leaves by itself. The order is the order of joining, never that of addresses.
#pragma once

#include "base/check.h"

namespace gangd {

// A member derives from Link and is in one list at most.
class Link {
 public:
  Link() = default;
  ~Link() { unlink(); }
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  bool linked() const { return next_ != this; }

  void unlink() {
    prev_->next_ = next_;
    next_->prev_ = prev_;
    prev_ = next_ = this;
  }

 private:
  template <class T>
  friend class LinkedList;

  Link* prev_ = this;
  Link* next_ = this;
};

template <class T>
class LinkedList {
 public:
  class Iterator {
   public:
    explicit Iterator(const Link* at) : at_(at) {}
    T& operator*() const { return static_cast<T&>(*const_cast<Link*>(at_)); }
    Iterator& operator++() {
      at_ = at_->next_;
      return *this;
    }
    bool operator==(const Iterator&) const = default;

   private:
    const Link* at_;
  };

  bool empty() const { return !head_.linked(); }
  T& front() const { return *begin(); }

  void push_back(T& member) {
    Link& link = member;
    CHECK(!link.linked());
    link.prev_ = head_.prev_;
    link.next_ = &head_;
    head_.prev_->next_ = &link;
    head_.prev_ = &link;
  }

  // The first member, which leaves the list.
  T& pop_front() {
    CHECK(!empty());
    T& member = front();
    static_cast<Link&>(member).unlink();
    return member;
  }

  // Members may leave during the iteration only if they are not the next one.
  Iterator begin() const { return Iterator(head_.next_); }
  Iterator end() const { return Iterator(&head_); }

 private:
  Link head_;
};

}  // namespace gangd
