// SQLite as the ledger uses it: errors as values, with what a person can do about them. Everything
// blocks. One thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace gangd {

class Statement;

class Database {
 public:
  enum class Access {
    kWrite,  // creates the file when there is none
    kRead,   // also while another process writes
  };

  // `:memory:` is one that nobody else sees.
  static Result<Database> open(const std::string& file, Access access);
  ~Database();
  Database(Database&& other) noexcept;
  Database& operator=(Database&&) = delete;

  // One or more statements without parameters or rows.
  Status execute(const std::string& sql);
  Result<Statement> prepare(std::string_view sql);
  // The first column of the first row; 0 when there is none.
  Result<std::int64_t> integer(std::string_view sql);

  // All of it as it is at this moment, over what `copy` holds; others may write meanwhile.
  Status copy_to(Database& copy);

  const std::string& file() const { return file_; }

 private:
  friend class Statement;
  Database(sqlite3* handle, std::string file) : handle_(handle), file_(std::move(file)) {}
  Error error(int status) const;

  sqlite3* handle_;
  std::string file_;
};

// Columns and parameters count from 0. The database must outlive it.
class Statement {
 public:
  ~Statement();
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;

  // Texts and bytes are copied.
  Statement& bind(int parameter, std::uint64_t integer);
  Statement& bind(int parameter, std::string_view text);
  Statement& bind(int parameter, ByteView blob);

  // True: there is a row, whose columns can be read until the next step().
  Result<bool> step();
  // All steps of one that gives no rows.
  Status run();

  int columns() const;
  bool is_null(int column) const;
  std::uint64_t integer(int column) const;
  std::string text(int column) const;
  ByteVector blob(int column) const;

 private:
  friend class Database;
  Statement(const Database& database, sqlite3_stmt* handle)
      : database_(database), handle_(handle) {}

  const Database& database_;
  sqlite3_stmt* handle_;
};

}  // namespace gangd
