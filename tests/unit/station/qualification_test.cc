// The procedure that takes UNQUALIFIED away, rule by rule. The world of tests/sim/station_world
// goes through it on a bad day, tests/line/qualify_test.py with gangctl.
#include "station/qualification.h"

#include <gtest/gtest.h>

#include <chrono>

#include "loop/sleep.h"
#include "tests/sim/factory.h"
#include "tests/unit/loop/simulated.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

class QualificationTest : public testing::Test {
 protected:
  void run(const std::function<Task<>(sim::Factory&)>& test, sim::Factory::Options options = {}) {
    const auto body = [&]() -> Task<> {
      options.image_bytes = 3000;
      sim::Factory factory(world_.loop, world_.port, 1, options);
      factory.bus().plug(factory.place(0));
      EXPECT_TRUE(co_await factory.start());
      (void)co_await sleep_for(2s);  // the board has shown itself
      co_await test(factory);
      co_await factory.stop();
    };
    world_.loop.run(body());
  }

  static Task<QualificationView> begin(sim::Factory& factory) {
    auto view = co_await factory.station().qualifications().start(
        {"q-1", {"quality", ""}, "Anna", std::string(sim::kProduct), "1"});
    EXPECT_TRUE(view) << words(view);
    co_return view.value_or(QualificationView());
  }
  static Task<Result<QualificationView>> step(sim::Factory& factory, EventId id, std::string name,
                                              Duration hub_off = 0s) {
    return factory.station().qualifications().do_step(
        {id, {"quality", ""}, std::move(name), "", hub_off});
  }
  static std::string words(const Result<QualificationView>& view) {
    return view ? "" : view.error().message();
  }

  Simulated world_;
};

TEST_F(QualificationTest, StepsComeInTheirOrder) {
  run([](sim::Factory& factory) -> Task<> {
    const EventId id = (co_await begin(factory)).id;
    for (const QualificationStepKind& kind : qualification_steps()) {
      if (kind.name == "cold_start") continue;
      const auto view = co_await step(factory, id, std::string(kind.name));
      EXPECT_TRUE(view.failed_with(Code::kInvalid)) << kind.name;
    }
    EXPECT_TRUE((co_await step(factory, {1, 9999}, "cold_start")).failed_with(Code::kNotFound));
    // Its power was never away.
    const auto warm = co_await step(factory, id, "cold_start");
    EXPECT_NE(words(warm).find("has not been away"), std::string::npos) << words(warm);
  });
}

TEST_F(QualificationTest, TheHubTakesThePowerAway) {
  run([](sim::Factory& factory) -> Task<> {
    const EventId id = (co_await begin(factory)).id;
    const auto view = co_await step(factory, id, "cold_start", 10s);
    EXPECT_TRUE(view) << words(view);
    if (view) EXPECT_EQ(view->step, "program");
    const auto* noted = std::get_if<QualificationStep>(&factory.disk().entries().back().event);
    EXPECT_TRUE(noted != nullptr && noted->note.starts_with("the hub switched the power off"));
  });
}

// What breaks: a board that has gone on to its other connector counts as one without power.
TEST_F(QualificationTest, ABoardOfTwoConnectorsIsWithoutPowerWhenBothAre) {
  sim::Factory::Options options;
  options.part = "MX66UW1G45G";
  options.staged = options.two_ports = true;
  run(
      [](sim::Factory& factory) -> Task<> {
        const EventId id = (co_await begin(factory)).id;
        EXPECT_TRUE(co_await factory.bus().set_port_power(factory.place(0), false));
        EXPECT_TRUE(co_await factory.bus().set_port_power(factory.place(0), true));
        (void)co_await sleep_for(2s);
        const auto half = co_await step(factory, id, "cold_start");
        EXPECT_NE(words(half).find("has not been away"), std::string::npos) << words(half);
        const auto view = co_await step(factory, id, "cold_start", 10s);
        EXPECT_TRUE(view) << words(view);
        if (view) EXPECT_EQ(view->step, "program");
      },
      options);
}

// What breaks: a kind that nobody knows passes for one that was qualified.
TEST_F(QualificationTest, ABoardThatDoesNotTellItsKindStaysUnqualified) {
  sim::Factory::Options options;
  options.tells_kind = false;
  run(
      [](sim::Factory& factory) -> Task<> {
        const EventId id = (co_await begin(factory)).id;
        EXPECT_TRUE(co_await step(factory, id, "cold_start", 1s));
        const auto view = co_await step(factory, id, "program");
        EXPECT_TRUE(view) << words(view);
        if (!view) co_return;
        EXPECT_EQ(view->step, "program");
        EXPECT_NE(view->trouble.find("does not tell its kind"), std::string::npos) << view->trouble;
        const auto slot = factory.station().slots()[0];
        EXPECT_TRUE(slot.outcome && slot.outcome->verdict == Verdict::kPass);
        EXPECT_TRUE(slot.outcome && slot.outcome->qualification == EventId());
      },
      options);
}

// What breaks: gangd's restart, which makes every board a new one to it, counts as a cold start.
TEST_F(QualificationTest, AnotherLifeGoesOnAndSawNoPowerGo) {
  run([](sim::Factory& factory) -> Task<> {
    const EventId id = (co_await begin(factory)).id;
    EXPECT_TRUE(co_await step(factory, id, "cold_start", 1s));
    const auto programmed = co_await step(factory, id, "program");
    EXPECT_TRUE(programmed && programmed->step == "cold_cycle") << words(programmed);
    factory.kill();
    EXPECT_TRUE(co_await factory.start());
    (void)co_await sleep_for(2s);
    const auto view = factory.station().qualifications().view(id);
    EXPECT_TRUE(view) << words(view);
    if (!view) co_return;
    EXPECT_EQ(view->step, "cold_cycle");
    EXPECT_EQ(view->person, "Anna");
    EXPECT_TRUE(view->key.is_whole());
    EXPECT_TRUE((co_await step(factory, id, "cold_cycle")).failed_with(Code::kInvalid));
    EXPECT_TRUE(co_await step(factory, id, "cold_cycle", 1s));
    // Another in the same slot ends it.
    const auto another = co_await factory.station().qualifications().start(
        {"q-2", {"quality", ""}, "Bert", std::string(sim::kProduct), "1"});
    EXPECT_TRUE(another) << words(another);
    EXPECT_TRUE(factory.station().qualifications().view(id).failed_with(Code::kNotFound));
  });
}

}  // namespace
}  // namespace gangd
