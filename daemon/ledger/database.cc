#include "ledger/database.h"

#include <sqlite3.h>

#include "base/check.h"

namespace gangd {
namespace {

// A backup or an auditor may hold the file for a moment.
constexpr int kBusyTimeoutMs = 5000;

// What SQLite says for it, as a code and as what a person does.
struct Meaning {
  Code code;
  std::string_view advice;
};

Meaning meaning_of(int status) {
  switch (status & 0xff) {
    case SQLITE_FULL:
      return {Code::kIo, "the disk is full: free space on it"};
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return {Code::kIo,
              "it cannot be written: give gangd's user the right to write it and its folder"};
    case SQLITE_CANTOPEN:
      return {Code::kIo, "its folder must exist, and gangd's user must be allowed to write there"};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {Code::kBusy, "another program keeps it locked: end that program"};
    case SQLITE_NOTADB:
      return {Code::kMismatch, "it is no ledger: name another file"};
    case SQLITE_CORRUPT:
      return {Code::kMismatch, "the file is damaged: keep it, and go on with the last copy"};
    case SQLITE_CONSTRAINT:
      return {Code::kMismatch, "it would contradict what is on record"};
    default:
      return {Code::kIo, "look after the disk"};
  }
}

Error error_of(const std::string& file, int status, const char* what) {
  const Meaning meaning = meaning_of(status);
  return {meaning.code, "ledger {}: {} ({})", file, meaning.advice, what};
}

}  // namespace

Result<Database> Database::open(const std::string& file, Access access) {
  const int flags =
      access == Access::kRead ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  sqlite3* handle = nullptr;
  const int status = sqlite3_open_v2(file.c_str(), &handle, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database(handle, file);
  if (status != SQLITE_OK) {
    return error_of(file, status, handle == nullptr ? "no memory" : sqlite3_errmsg(handle));
  }
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, kBusyTimeoutMs);
  return database;
}

Database::~Database() {
  // All statements have ended before: their owners are younger.
  CHECK(sqlite3_close(handle_) == SQLITE_OK, "{} is closed while it is in use", file_);
}

Database::Database(Database&& other) noexcept
    : handle_(std::exchange(other.handle_, nullptr)), file_(std::move(other.file_)) {}

Status Database::execute(const std::string& sql) {
  const int status = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  if (status == SQLITE_OK) return {};
  return error(status);
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* handle = nullptr;
  const int status =
      sqlite3_prepare_v2(handle_, sql.data(), static_cast<int>(sql.size()), &handle, nullptr);
  if (status != SQLITE_OK) return error(status);
  return Statement(*this, handle);
}

Result<std::int64_t> Database::integer(std::string_view sql) {
  TRY(Statement statement, prepare(sql));
  TRY(const bool has_row, statement.step());
  return has_row ? static_cast<std::int64_t>(statement.integer(0)) : 0;
}

Status Database::copy_to(Database& copy) {
  sqlite3_backup* backup = sqlite3_backup_init(copy.handle_, "main", handle_, "main");
  if (backup == nullptr) return copy.error(sqlite3_errcode(copy.handle_));
  // In one step: between two another's write would make it begin again.
  sqlite3_backup_step(backup, -1);
  const int status = sqlite3_backup_finish(backup);
  if (status == SQLITE_OK) return {};
  return copy.error(status);
}

Error Database::error(int status) const {
  return error_of(file_, status, sqlite3_errmsg(handle_));
}

Statement::~Statement() {
  sqlite3_finalize(handle_);
}

Statement::Statement(Statement&& other) noexcept
    : database_(other.database_), handle_(std::exchange(other.handle_, nullptr)) {}

Statement& Statement::bind(int parameter, std::uint64_t integer) {
  CHECK(sqlite3_bind_int64(handle_, parameter + 1, static_cast<sqlite3_int64>(integer)) ==
        SQLITE_OK);
  return *this;
}

Statement& Statement::bind(int parameter, std::string_view text) {
  CHECK(sqlite3_bind_text(handle_, parameter + 1, text.data(), static_cast<int>(text.size()),
                          SQLITE_TRANSIENT) == SQLITE_OK);
  return *this;
}

Statement& Statement::bind(int parameter, ByteView blob) {
  CHECK(sqlite3_bind_blob(handle_, parameter + 1, blob.data(), static_cast<int>(blob.size()),
                          SQLITE_TRANSIENT) == SQLITE_OK);
  return *this;
}

Result<bool> Statement::step() {
  const int status = sqlite3_step(handle_);
  if (status == SQLITE_ROW) return true;
  if (status == SQLITE_DONE) return false;
  return database_.error(status);
}

Status Statement::run() {
  while (true) {
    TRY(const bool has_row, step());
    if (!has_row) return {};
  }
}

int Statement::columns() const {
  return sqlite3_column_count(handle_);
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(handle_, column) == SQLITE_NULL;
}

std::uint64_t Statement::integer(int column) const {
  return static_cast<std::uint64_t>(sqlite3_column_int64(handle_, column));
}

std::string Statement::text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(handle_, column));
  if (text == nullptr) return {};
  return {text, static_cast<std::size_t>(sqlite3_column_bytes(handle_, column))};
}

ByteVector Statement::blob(int column) const {
  const auto* bytes = static_cast<const std::uint8_t*>(sqlite3_column_blob(handle_, column));
  if (bytes == nullptr) return {};
  return {bytes, bytes + sqlite3_column_bytes(handle_, column)};
}

}  // namespace gangd
