// Owns what a C library gives and wants back: std::unique_ptr<BIO, Freed<BIO_free>>.
#pragma once

namespace gangd {

template <auto kFree>
struct Freed {
  template <class T>
  void operator()(T* object) const {
    kFree(object);
  }
};

}  // namespace gangd
