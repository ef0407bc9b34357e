// Ed25519: who holds the secret key can sign a text, and who has the public key can tell. RFC 8032,
// done by OpenSSL.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace gangd {

struct PublicKey {
  std::array<std::uint8_t, 32> bytes{};

  std::string hex() const { return to_hex(bytes); }
  // As `openssl pkey -pubin` reads it.
  std::string pem() const;
  // 64 hexadecimal digits, or PEM. kInvalid.
  static Result<PublicKey> parse(std::string_view text);

  auto operator<=>(const PublicKey&) const = default;
};

struct Signature {
  std::array<std::uint8_t, 64> bytes{};

  std::string hex() const { return to_hex(bytes); }
  // 128 hexadecimal digits: kInvalid.
  static Result<Signature> parse(std::string_view hex);

  auto operator<=>(const Signature&) const = default;
};

class SecretKey {
 public:
  // What the key is made of: nobody else may know it.
  using Seed = std::array<std::uint8_t, 32>;

  explicit SecretKey(const Seed& seed);
  // PKCS #8, as `openssl genpkey -algorithm ed25519` writes it. kInvalid.
  static Result<SecretKey> from_pem(std::string_view pem);
  ~SecretKey();
  SecretKey(SecretKey&&) noexcept;
  SecretKey& operator=(SecretKey&&) noexcept;

  std::string pem() const;
  PublicKey public_key() const;
  Signature sign(std::string_view text) const;

 private:
  struct Key;
  explicit SecretKey(std::unique_ptr<Key> key);

  std::unique_ptr<Key> key_;
};

bool is_signed_by(const PublicKey& key, std::string_view text, const Signature& signature);

}  // namespace gangd
