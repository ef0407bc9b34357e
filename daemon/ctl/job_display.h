// JobDisplay: a job while it runs. On a terminal a bar for each slot, redrawn in place; in a pipe a
// line for each thing that happens; as JSON a line for each verdict and for the end.
#pragma once

#include <gang/v1/gang.pb.h>

#include <chrono>
#include <map>
#include <optional>
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
  // When draw() is due, if what was shown is not yet on the screen: too fast for the eye.
  std::optional<std::chrono::system_clock::time_point> draw_due() const;
  void draw();
  // The last picture, and the sum. `is_whole`: the job was seen to its end.
  void finish(bool is_whole);

  const gang::v1::Job& job() const { return job_; }

 private:
  struct SlotLine {
    gang::v1::Slot slot;
    std::string said;  // in a pipe: what was said last
  };

  void say(const gang::v1::Slot& slot);
  void say(const gang::v1::Attempt& verdict);
  std::vector<const gang::v1::Slot*> slots_in_order() const;
  void paint(std::size_t lines_max);

  const Form form_;
  gang::v1::Job job_;
  std::map<std::string, SlotLine> slots_;
  std::size_t lines_drawn_ = 0;
  bool is_drawn_ = true;  // all that was shown
  std::chrono::system_clock::time_point drawn_at_;
};

}  // namespace gangd
