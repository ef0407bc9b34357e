#include "loop/async_log.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <string>

namespace gangd {
namespace {

std::string everything(std::FILE* file) {
  std::rewind(file);
  std::string text;
  std::array<char, 4096> part;
  while (const std::size_t size = std::fread(part.data(), 1, part.size(), file)) {
    text.append(part.data(), size);
  }
  return text;
}

TEST(AsyncLog, WritesWhatIsSevereEnoughWithTimeInUtc) {
  std::FILE* file = std::tmpfile();
  {
    AsyncLog log(file, Severity::kInfo);
    log.write(Severity::kDebug, "not this");
    log.write(Severity::kInfo, "slot 3: {braces} stay");
    log.write(Severity::kError, "slot 4: stalled");
  }
  const std::string text = everything(file);
  std::fclose(file);
  EXPECT_TRUE(testing::internal::RE::FullMatch(
      text,
      "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{6}Z info slot 3: \\{braces\\} stay\n"
      "[^\n]* error slot 4: stalled\n"))
      << text;
}

// A disk that hangs must not stop the line: the oldest lines are lost, and the log says how many.
TEST(AsyncLog, BeyondItsBoundItLosesTheOldestAndSaysHowMany) {
  std::array<int, 2> pipe_fds;
  ASSERT_EQ(pipe(pipe_fds.data()), 0);
  std::FILE* blocked = fdopen(pipe_fds[1], "w");
  std::string text;
  {
    AsyncLog log(blocked, Severity::kInfo);
    const std::string line(200, 'x');
    // Far more than the pipe and the queue hold; returns although nobody reads.
    for (std::size_t i = 0; i < 3 * AsyncLog::kLinesMax; ++i) log.write(Severity::kInfo, line);
    log.write(Severity::kInfo, "the last line");
    std::array<char, 65536> part;
    while (text.find("the last line") == std::string::npos) {
      const ssize_t size = read(pipe_fds[0], part.data(), part.size());
      ASSERT_GT(size, 0);
      text.append(part.data(), static_cast<std::size_t>(size));
    }
  }
  EXPECT_NE(text.find(" lines were lost: more came than could be written\n"), std::string::npos);
  std::fclose(blocked);
  close(pipe_fds[0]);
}

}  // namespace
}  // namespace gangd
