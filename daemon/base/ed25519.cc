#include "base/ed25519.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/freed.h"

namespace gangd {
namespace {

using Pkey = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Context = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;
using Bio = std::unique_ptr<BIO, Freed<BIO_free>>;

const std::uint8_t* data_of(std::string_view text) {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}

Bio bio_of(std::string_view text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// A key file under a password is not asked for one.
int no_password(char*, int, int, void*) {
  return 0;
}

std::string text_of(const Bio& bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

PublicKey public_half(const EVP_PKEY* key) {
  PublicKey half;
  std::size_t size = half.bytes.size();
  CHECK(EVP_PKEY_get_raw_public_key(key, half.bytes.data(), &size) == 1);
  return half;
}

Pkey key_of(const PublicKey& key) {
  return Pkey(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.bytes.data(), key.bytes.size()));
}

}  // namespace

std::string PublicKey::pem() const {
  const Pkey key = key_of(*this);
  const Bio bio(BIO_new(BIO_s_mem()));
  CHECK(key && bio && PEM_write_bio_PUBKEY(bio.get(), key.get()) == 1);
  return text_of(bio);
}

Result<PublicKey> PublicKey::parse(std::string_view text) {
  while (!text.empty() && std::string_view(" \r\n").contains(text.back())) text.remove_suffix(1);
  if (const auto digits = from_hex(text); digits && digits->size() == PublicKey().bytes.size()) {
    PublicKey key;
    std::ranges::copy(*digits, key.bytes.begin());
    return key;
  }
  const Bio bio = bio_of(text);
  const Pkey key(bio ? PEM_read_bio_PUBKEY(bio.get(), nullptr, no_password, nullptr) : nullptr);
  if (key && EVP_PKEY_is_a(key.get(), "ED25519") == 1) return public_half(key.get());
  return Error(Code::kInvalid,
               "no Ed25519 public key: it is 64 hexadecimal digits, or begins with "
               "-----BEGIN PUBLIC KEY-----");
}

Result<Signature> Signature::parse(std::string_view hex) {
  Signature signature;
  const auto digits = from_hex(hex);
  if (!digits || digits->size() != signature.bytes.size()) {
    return Error(Code::kInvalid, "no Ed25519 signature: it is 128 hexadecimal digits");
  }
  std::ranges::copy(*digits, signature.bytes.begin());
  return signature;
}

struct SecretKey::Key {
  Pkey pkey;
};

// The calls below fail only for want of memory, which is not ours to survive.

SecretKey::SecretKey(const Seed& seed)
    : key_(new Key{Pkey(
          EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size()))}) {
  CHECK(key_->pkey != nullptr);
}

SecretKey::SecretKey(std::unique_ptr<Key> key) : key_(std::move(key)) {}
SecretKey::~SecretKey() = default;
SecretKey::SecretKey(SecretKey&&) noexcept = default;
SecretKey& SecretKey::operator=(SecretKey&&) noexcept = default;

Result<SecretKey> SecretKey::from_pem(std::string_view pem) {
  const Bio bio = bio_of(pem);
  Pkey key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr) : nullptr);
  if (!key || EVP_PKEY_is_a(key.get(), "ED25519") != 1) {
    return Error(Code::kInvalid, "no Ed25519 secret key without a password in PEM");
  }
  return SecretKey(std::unique_ptr<Key>(new Key{std::move(key)}));
}

std::string SecretKey::pem() const {
  const Bio bio(BIO_new(BIO_s_mem()));
  CHECK(bio && PEM_write_bio_PKCS8PrivateKey(bio.get(), key_->pkey.get(), nullptr, nullptr, 0,
                                             nullptr, nullptr) == 1);
  return text_of(bio);
}

PublicKey SecretKey::public_key() const {
  return public_half(key_->pkey.get());
}

Signature SecretKey::sign(std::string_view text) const {
  Signature signature;
  std::size_t size = signature.bytes.size();
  const Context context(EVP_MD_CTX_new());
  CHECK(context &&
        EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_->pkey.get()) == 1);
  CHECK(EVP_DigestSign(context.get(), signature.bytes.data(), &size, data_of(text), text.size()) ==
        1);
  return signature;
}

bool is_signed_by(const PublicKey& key, std::string_view text, const Signature& signature) {
  const Pkey pkey = key_of(key);
  const Context context(EVP_MD_CTX_new());
  CHECK(context != nullptr);
  if (!pkey) return false;
  if (EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, pkey.get()) != 1) return false;
  return EVP_DigestVerify(context.get(), signature.bytes.data(), signature.bytes.size(),
                          data_of(text), text.size()) == 1;
}

}  // namespace gangd
