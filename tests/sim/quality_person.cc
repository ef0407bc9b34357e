#include "tests/sim/quality_person.h"

#include <algorithm>
#include <chrono>

#include "loop/sleep.h"
#include "station/station.h"

namespace gangd::sim {

using namespace std::chrono_literals;

Task<Result<QualificationView>> QualityPerson::step(int board) {
  auto view = co_await open(board);
  if (view && !view->step.empty()) view = co_await do_step(board, *std::move(view));
  co_return view;
}

Task<Result<QualificationView>> QualityPerson::open(int board) {
  Qualifications& line = factory_.station().qualifications();
  for (const QualificationView& each : line.all()) {
    const bool goes_on = each.qualified == EventId() && each.slot == factory_.slot(board);
    if (goes_on) co_return line.view(each.id);
  }
  co_return co_await line.start({fmt::format("q-{}", ++requests_),
                                 {"quality", ""},
                                 "the one who watches",
                                 std::string(kProduct),
                                 factory_.slot(board)});
}

Task<Result<QualificationView>> QualityPerson::do_step(int board, QualificationView view) {
  Qualifications& line = factory_.station().qualifications();
  if (view.step == "dump") co_return co_await give_dump(board, std::move(view));
  DoQualificationStep order = {view.id, {"quality", ""}, view.step, "", {}};
  if (view.needs_note) order.note = "it plays";
  const bool is_cold = view.step.starts_with("cold");
  if (is_cold && world_.dice().chance(500)) {
    order.hub_off = world_.dice().between(1s, 20s);
  } else if (is_cold && world_.dice().chance(900)) {
    factory_.bus().unplug(factory_.place(board));
    (void)co_await sleep_for(world_.dice().between(1ms, 5s));
    factory_.bus().plug(factory_.place(board));
    (void)co_await sleep_for(2s);
  }
  co_return co_await line.do_step(std::move(order));
}

Task<Result<QualificationView>> QualityPerson::give_dump(int board, QualificationView view) {
  const bool is_wrong = world_.dice().chance(200);
  for (std::size_t i = 0; i < view.dump.size(); ++i) {
    ByteVector bytes(view.dump[i].size);
    factory_.chip(board).peek(view.dump[i].address - kFlashAddress, bytes);
    if (is_wrong) bytes.back() ^= 1;
    const std::size_t piece_max = bytes.size() / 2 + 1;
    for (std::size_t at = 0; at < bytes.size(); at += piece_max) {
      const std::size_t size = std::min(piece_max, bytes.size() - at);
      auto now = co_await factory_.station().qualifications().compare(
          {view.id, {"quality", ""}, i, at, ByteView(bytes).subspan(at, size)});
      const bool is_last = i + 1 == view.dump.size() && at + size == bytes.size();
      if (now && !is_last) continue;
      world_.promise(!now || !is_wrong || now->step == "dump",
                     "a dump that is not what was programmed qualifies nothing");
      co_return now;
    }
  }
  co_return Error(Code::kInvalid, "there is nothing to dump");
}

}  // namespace gangd::sim
