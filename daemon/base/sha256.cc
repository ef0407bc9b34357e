#include "base/sha256.h"

#include <openssl/evp.h>

#include "base/check.h"

namespace gangd {

struct Sha256::Context {
  EVP_MD_CTX* evp;
};

// The calls fail only for want of memory, which is not ours to survive.

Sha256::Sha256() : context_(new Context{EVP_MD_CTX_new()}) {
  CHECK(context_->evp != nullptr);
  CHECK(EVP_DigestInit_ex(context_->evp, EVP_sha256(), nullptr) == 1);
}

Sha256::~Sha256() {
  EVP_MD_CTX_free(context_->evp);
}

void Sha256::update(ByteView bytes) {
  CHECK(EVP_DigestUpdate(context_->evp, bytes.data(), bytes.size()) == 1);
}

Sha256Digest Sha256::finish() {
  Sha256Digest digest;
  CHECK(EVP_DigestFinal_ex(context_->evp, digest.bytes.data(), nullptr) == 1);
  CHECK(EVP_DigestInit_ex(context_->evp, nullptr, nullptr) == 1);
  return digest;
}

Sha256Digest sha256(ByteView bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

}  // namespace gangd
