// The resident loader as it ships, instruction by instruction on the model of its chip: what it
// starts, and where it stays in DFU. What each refusal means, tests/unit/boot has looked at; here
// the chip's own parts take part: mapped flash, SHA-256 unit, backup registers, resets.
#include "tests/unit/emu/resident_bench.h"

namespace gangd::emu {
namespace {

class ResidentBoot : public testing::Test {
 protected:
  static HeaderFields in_place(std::uint32_t address) { return ResidentBench::in_place(address); }
  static void expect_runs(ResidentBench& bench) {
    bench.power_cycle();
    EXPECT_EQ(bench.written(), kMark) << bench.state();
    EXPECT_FALSE(bench.in_dfu());
  }
  static void expect_dfu(ResidentBench& bench) {
    bench.power_cycle();
    EXPECT_TRUE(bench.in_dfu()) << bench.state();
    EXPECT_EQ(bench.written(), 0U);
  }
};

// Octal and quad flash at either window; chips with and without a SHA-256 unit.
TEST_F(ResidentBoot, RunsInPlaceWhatIsWhole) {
  for (const KnownBoard& known :
       {kDiscoveryKit, KnownBoard{.name = "nucleo-h7s3l8"},
        KnownBoard{.name = "custom-h7r7", .nor = 0x9000'0000, .header = 0x901f'0000}}) {
    SCOPED_TRACE(known.name);
    ResidentBench bench(std::string(known.name) + "-resident.elf", known);
    expect_dfu(bench);
    bench.install(application(known.nor), in_place(known.nor));
    expect_runs(bench);
    bench.put(known.nor + 4321, {0x00});
    expect_dfu(bench);
  }
}

// What 50 MHz read, 100 MHz may not: the application would run on wrong bits.
TEST_F(ResidentBoot, StaysIfTheClockOfTheApplicationIsTooFastForTheBoard) {
  ResidentBench bench("stm32h7s78-dk-resident.elf");
  bench.install(application(kNor), in_place(kNor));
  bench.nor().garble_reads_above(60'000'000);
  expect_dfu(bench);
  bench.nor().garble_reads_above(UINT32_MAX);
  expect_runs(bench);
}

// The pads' codes are corrected by 2, as far as there are any.
TEST_F(ResidentBoot, CorrectsTheCodesOfThePads) {
  for (const int code : {0x00, 0x1e, 0x2d, 0xff}) {
    SCOPED_TRACE(code);
    ResidentBench bench("stm32h7s78-dk-resident.elf");
    bench.board().chip().outside().pad_codes.fill(static_cast<std::uint8_t>(code));
    bench.install(application(kNor), in_place(kNor));
    expect_runs(bench);
  }
}

// A controller that an abort does not free.
TEST_F(ResidentBoot, ResetsAFlashControllerThatStaysBusy) {
  ResidentBench bench("stm32h7s78-dk-resident.elf");
  bench.install(application(kNor), in_place(kNor));
  bench.board().chip().outside().flash_jams = 1;
  expect_runs(bench);
  EXPECT_EQ(bench.board().chip().outside().flash_jams, 0U);
}

TEST_F(ResidentBoot, CopiesToRam) {
  ResidentBench bench("stm32h7s78-dk-resident.elf");
  HeaderFields fields = in_place(kNor);
  fields.flags = BOOT_COPY;
  fields.run_address = kRam;
  bench.install(application(kRam), fields);
  expect_runs(bench);
}

// The ITCM begins at 0, which as a pointer is none.
TEST_F(ResidentBoot, CopiesToAddressZero) {
  ResidentBench bench("stm32h7s78-dk-resident.elf");
  HeaderFields fields = in_place(kNor);
  fields.flags = BOOT_COPY;
  fields.run_address = 0;
  bench.install(application(0), fields);
  expect_runs(bench);
}

TEST_F(ResidentBoot, BootsABoardWithoutExternalFlash) {
  ResidentBench bench("dk-bare-resident.elf",
                      {.name = "stm32h7s78-dk", .header = InternalFlash::kAddress + 0xe000});
  expect_dfu(bench);
  bench.install(application(kInternal), in_place(kInternal));
  expect_runs(bench);
  HeaderFields fields = in_place(kInternal);
  fields.flags = BOOT_COPY;
  fields.run_address = 0;
  bench.install(application(0), fields);
  expect_runs(bench);
  bench.put(kInternal + 4320, Bytes(16, 0));
  expect_dfu(bench);
  Bytes image = application(kInternal);
  store_le32(&image[0], kPsram + 0x1000);  // of which DQS is not wired
  bench.install(image, in_place(kInternal));
  expect_dfu(bench);
}

// Where the loader keeps its own data, too: when the application starts they are not needed.
TEST_F(ResidentBoot, TheStackMayBeInAnyRam) {
  ResidentBench bench("stm32h7s78-dk-resident.elf");
  for (const std::uint32_t stack :
       {0x2401'0000u, 0x2402'0000u, 0x2403'0000u, 0x2404'0000u, 0x2407'2000u, 0x3000'8000u}) {
    SCOPED_TRACE(stack);
    Bytes image = application(kNor);
    store_le32(&image[0], stack);
    bench.install(image, in_place(kNor));
    expect_runs(bench);
  }
  Bytes image = application(kNor);
  store_le32(&image[0], 0x3000'8004);
  bench.install(image, in_place(kNor));
  expect_dfu(bench);
}

// Its stack is there from the start, wherever it runs; without one it is not started.
TEST_F(ResidentBoot, PsramIsThereForTheApplication) {
  for (const std::uint32_t address : {kNor, kInternal}) {
    Bytes image = application(address);
    store_le32(&image[0], kPsram + 0x1000);
    store_le16(&image[0x200], 0x4803);  // ldr r0, [pc, #12]
    store_le16(&image[0x202], 0x4904);  // ldr r1, [pc, #16]
    store_le16(&image[0x204], 0xb403);  // push {r0, r1}
    store_le16(&image[0x206], 0xbc0c);  // pop {r2, r3}
    store_le16(&image[0x208], 0x6013);  // str r3, [r2]
    store_le16(&image[0x20a], 0xe7fe);  // b .
    store_le32(&image[0x210], kWord);
    store_le32(&image[0x214], kMark);
    for (const bool is_fitted : {true, false}) {
      SCOPED_TRACE(std::to_string(address) + (is_fitted ? " fitted" : " not fitted"));
      ResidentBench bench("stm32h7s78-dk-resident.elf",
                          {.name = "stm32h7s78-dk", .psram = is_fitted});
      bench.install(image, in_place(address));
      is_fitted ? expect_runs(bench) : expect_dfu(bench);
    }
  }
}

TEST_F(ResidentBoot, RunsFromInternalFlash) {
  ResidentBench bench("stm32h7s78-dk-resident.elf");
  bench.install(application(kInternal), in_place(kInternal));
  expect_runs(bench);
  bench.board().chip().outside().stray_flash_errors = 3;
  expect_runs(bench);
  EXPECT_EQ(bench.board().chip().outside().stray_flash_errors, 0U);
  bench.flash().break_word(kInternal + 1024);
  expect_dfu(bench);
}

// Each start asks the chip for a reset: a loop, if nobody counted.
TEST_F(ResidentBoot, FirmwareThatOnlyResetsEndsInDfu) {
  ResidentBench bench("stm32h7s78-dk-resident.elf");
  bench.install(application(kNor, 0xe000'ed0c, 0x05fa'0004), in_place(kNor));
  expect_dfu(bench);
}

// A fault of the loader's own: while it looks at the image it is one of the image; before, what may
// have caused it is left out. Otherwise it would go on for ever, or 16 times.
TEST_F(ResidentBoot, FaultsOfItsOwnEndInDfu) {
  const auto time_of = [](const char* broken) {
    ResidentBench bench("stm32h7s78-dk-resident.elf", {.name = "stm32h7s78-dk", .broken = broken});
    if (broken != nullptr) bench.install(application(kNor), in_place(kNor));
    const Time before = bench.now();
    expect_dfu(bench);
    return bench.now() - before;
  };
  const Time once = time_of(nullptr);
  EXPECT_LT(time_of("boot_check"), 6 * once);
  EXPECT_LT(time_of("psram_start"), 4 * once);
}

// The release: a signature, a security version that never goes back.
TEST_F(ResidentBoot, OfAReleaseStartsWhatIsSignedAndNotOlder) {
  ResidentBench bench("dk-release-resident.elf");
  const SecretKey key(SecretKey::Seed{7});
  const SecretKey stranger(SecretKey::Seed{8});
  HeaderFields fields = in_place(kNor);
  fields.security_version = 3;
  bench.install(application(kNor), fields);
  expect_dfu(bench);
  bench.install(application(kNor), fields, &stranger);
  expect_dfu(bench);
  const std::uint64_t before = bench.flash().operations();
  bench.install(application(kNor), fields, &key);
  expect_runs(bench);
  EXPECT_EQ(bench.flash().operations() - before, 3U) << "the counter";
  expect_runs(bench);
  EXPECT_EQ(bench.flash().operations() - before, 3U) << "it is there already";
  fields.security_version = 2;
  bench.install(application(kNor), fields, &key);
  expect_dfu(bench);
  EXPECT_EQ(bench.flash().complaints(), std::vector<std::string>{});
}

// Power fails in each of the three words that raising the counter takes.
TEST_F(ResidentBoot, PowerThatFailsWhileTheCounterIsRaisedOnlyDelaysIt) {
  ResidentBench bench("dk-release-resident.elf");
  const SecretKey key(SecretKey::Seed{7});
  HeaderFields fields = in_place(kNor);
  fields.security_version = 3;
  bench.install(application(kNor), fields, &key);
  for (std::uint64_t n = 0; n < 3; ++n) {
    SCOPED_TRACE(n);
    bench.flash().cut_power_at_operation(n);
    bench.power_cycle();
    EXPECT_EQ(bench.written(), 0U);
    EXPECT_FALSE(bench.in_dfu());
  }
  expect_runs(bench);
}

}  // namespace
}  // namespace gangd::emu
