// JobDisplay: a job while it runs. On a terminal a bar for each slot, redrawn in place; in a pipe a
// line for each thing that happens; as JSON a line for each verdict and for the end.
#pragma once

#include <gang/v1/gang.pb.h>

#include <chrono>
#include <map>
#include <string>
#include <vector>

namespace gangd {

class JobDisplay {
 public:
  enum class Form { kBars, kLines, kJson };

  // What suits standard output.
  static Form form_for(bool json);
  explicit JobDisplay(Form form) : form_(form) {}

  void show(const gang::v1::WatchJobResponse& update);
  // The last picture, and the sum.
  void finish();

  const gang::v1::Job& job() const { return job_; }

 private:
  struct SlotLine {
    gang::v1::Slot slot;
    std::string said;  // in a pipe: what was said last
  };

  void say(const gang::v1::Slot& slot);
  void say(const gang::v1::Attempt& verdict);
  void draw(bool is_last);
  std::string bar(const gang::v1::Slot& slot) const;

  const Form form_;
  gang::v1::Job job_;
  std::map<std::string, SlotLine> slots_;
  std::size_t lines_drawn_ = 0;
  std::chrono::steady_clock::time_point drawn_at_;
};

}  // namespace gangd
