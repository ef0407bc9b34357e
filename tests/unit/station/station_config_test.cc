// A station is set up once, by hand; a slot that means another board than its label costs a batch.
#include "station/station_config.h"

#include <gtest/gtest.h>

#include <chrono>

namespace gangd {
namespace {

const std::string kHead = "name = \"line-1\"\n";

std::string slot(const std::string& name, const std::string& path) {
  return "[[slot]]\nname = \"" + name + "\"\npath = \"" + path + "\"\n";
}

std::string fault(const std::string& text) {
  const auto config = parse_station(text, "/etc/gangd/station.toml");
  EXPECT_TRUE(config.failed_with(Code::kInvalid)) << text;
  return config ? "" : config.error().message();
}

TEST(StationConfig, RelativePathsBeginAtItsFolder) {
  const auto config = parse_station(
      kHead + "ledger = \"a/ledger.db\"\nsockets = \"/run/x\"\n" + slot("1", "0000:00:14.0/1.2"),
      "/etc/gangd/station.toml");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->name, "line-1");
  EXPECT_EQ(config->ledger, "/etc/gangd/a/ledger.db");
  EXPECT_EQ(config->station_key, "/etc/gangd/a/station.key");
  EXPECT_EQ(config->sockets, "/run/x");
  EXPECT_EQ(config->products, "/etc/gangd/products");
  ASSERT_EQ(config->slots.size(), 1U);
  EXPECT_EQ(config->slots[0].path, (UsbPath{"0000:00:14.0", {1, 2}}));
}

// What signs a ledger lies beside it, or where it is told to.
TEST(StationConfig, TheKeyLiesBesideTheLedger) {
  const std::string slots = slot("1", "0000:00:14.0/1.2");
  EXPECT_EQ(parse_station(kHead + slots, "a/station.toml")->station_key,
            "/var/lib/gangd/station.key");
  EXPECT_EQ(parse_station(kHead + "ledger = \"b/l.db\"\n" + slots, "a/station.toml")->station_key,
            "a/b/station.key");
  EXPECT_EQ(parse_station(kHead + "station_key = \"/k\"\n" + slots, "a/station.toml")->station_key,
            "/k");
}

TEST(StationConfig, ASlotIsMappedOnce) {
  const std::string first = slot("1", "0000:00:14.0/1.2");
  EXPECT_EQ(fault(kHead + first + slot("2", "0000:00:14.0/1.2")),
            "/etc/gangd/station.toml:7: slot \"1\" has this place on the bus already");
  EXPECT_EQ(fault(kHead + first + slot("1", "0000:00:14.0/1.3")),
            "/etc/gangd/station.toml:6: there are two slots \"1\"");
  // Written in another way, it is the same place.
  EXPECT_NE(fault(kHead + first + slot("2", "0000:00:14.0/1.02")).find(":7:"), std::string::npos);
}

// A controller is no place for a board.
TEST(StationConfig, ASlotIsAPort) {
  EXPECT_EQ(fault(kHead + slot("1", "0000:00:14.0/")),
            "/etc/gangd/station.toml:4: \"path\" must name a port, as 0000:00:14.0/2.4 does");
}

// A board with a connector of its own for what is loaded into it.
TEST(StationConfig, ASlotMayHaveTwoPorts) {
  const std::string two = slot("1", "0000:00:14.0/1") + "loader_path = \"0000:00:14.0/2\"\n";
  const auto config = parse_station(kHead + two, "station.toml");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->slots.front().loader_path->to_string(), "0000:00:14.0/2");
  EXPECT_FALSE(parse_station(kHead + slot("1", "0000:00:14.0/1"), "a")->slots.front().loader_path);
  EXPECT_NE(fault(kHead + two + slot("2", "0000:00:14.0/2")).find("\"1\" has this place"),
            std::string::npos);
  EXPECT_NE(fault(kHead + slot("1", "0000:00:14.0/1") + "loader_path = \"0000:00:14.0/1\"\n")
                .find("has this place"),
            std::string::npos);
  EXPECT_NE(fault(kHead + slot("1", "0000:00:14.0/1") + "loader_path = \"0000:00:14.0/\"\n")
                .find("\"loader_path\" must name a port"),
            std::string::npos);
}

std::string with_mes(const std::string& text) {
  return kHead + slot("1", "0000:00:14.0/1") + "[mes]\n" + text;
}

TEST(StationConfig, AMesIsNamedWithWhatBothShowEachOther) {
  const auto config =
      parse_station(with_mes("address = \"mes.factory:50061\"\nca = \"pki/ca.pem\"\n"
                             "cert = \"pki/a.pem\"\nkey = \"/k\"\n"),
                    "/etc/gangd/station.toml");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->mes->address, "mes.factory:50061");
  EXPECT_EQ(config->mes->ca, "/etc/gangd/pki/ca.pem");
  EXPECT_EQ(config->mes->key, "/k");
  EXPECT_EQ(config->mes->deadline, std::chrono::seconds(5));
  const auto local = parse_station(with_mes("address = \"unix:mes.sock\"\ndeadline_ms = 250\n"),
                                   "/etc/gangd/station.toml");
  ASSERT_TRUE(local) << local.error().message();
  EXPECT_EQ(local->mes->address, "unix:/etc/gangd/mes.sock");
  EXPECT_EQ(local->mes->deadline, std::chrono::milliseconds(250));
  EXPECT_FALSE(parse_station(kHead + slot("1", "0000:00:14.0/1"), "x")->mes);
}

TEST(StationConfig, AMesBeyondThisMachineIsReachedWithCertificatesOnly) {
  EXPECT_EQ(fault(with_mes("address = \"mes:1\"\n")),
            "/etc/gangd/station.toml:6: a MES on another machine needs \"ca\", \"cert\" and "
            "\"key\"");
  EXPECT_NE(fault(with_mes("address = \"[::1]:1\"\nca = \"x\"\n")).find("belong together"),
            std::string::npos);
  for (const std::string address : {"mes", "mes:", ":1", "unix:", "http://mes:1", "mes:x"}) {
    EXPECT_NE(fault(with_mes("address = \"" + address + "\"\n")).find("must be HOST:PORT"),
              std::string::npos)
        << address;
  }
  EXPECT_NE(fault(with_mes("")).find("\"address\" is missing"), std::string::npos);
  EXPECT_NE(fault(with_mes("address = \"localhost:1\"\ndeadline = 3\n")).find("deadline_ms"),
            std::string::npos);
}

TEST(StationConfig, WithoutTcpThereIsNoNetworkAndNoGroup) {
  const auto config = parse_station(kHead + slot("1", "0000:00:14.0/1.2"), "station.toml");
  ASSERT_TRUE(config);
  EXPECT_FALSE(config->tcp);
  EXPECT_TRUE(config->socket_groups.empty());
}

const std::string kTcp = "[tcp]\nlisten = \"[::]:7443\"\nca = \"pki/ca.pem\"\ncert = \"c.pem\"\n";

TEST(StationConfig, TcpNamesItsFiles) {
  const auto config = parse_station(
      kHead + slot("1", "0000:00:14.0/1.2") + kTcp + "key = \"/etc/ssl/private/g.key\"\n" +
          "name = \"line-1.example\"\n[socket_groups]\nmes = \"line-mes\"\n",
      "/etc/gangd/station.toml");
  ASSERT_TRUE(config) << config.error().message();
  ASSERT_TRUE(config->tcp);
  EXPECT_EQ(config->tcp->listen, "[::]:7443");
  EXPECT_EQ(config->tcp->name, "line-1.example");
  EXPECT_EQ(config->tcp->ca, "/etc/gangd/pki/ca.pem");
  EXPECT_EQ(config->tcp->certificate, "/etc/gangd/c.pem");
  EXPECT_EQ(config->tcp->key, "/etc/ssl/private/g.key");
  EXPECT_EQ(config->tcp->revoked, "");
  EXPECT_EQ(config->socket_groups, (std::map<std::string, std::string>{{"mes", "line-mes"}}));
}

TEST(StationConfig, MistakesInTcpAndGroupsAreNamed) {
  const std::string head = kHead + slot("1", "0000:00:14.0/1.2");
  EXPECT_NE(fault(head + kTcp).find("\"key\" is missing"), std::string::npos);
  EXPECT_NE(fault(head + kTcp + "key = \"k\"\ncerts = \"x\"\n").find("\"cert\""),
            std::string::npos);
  EXPECT_NE(fault(head + "[socket_groups]\nroot = \"x\"\n").find("root"), std::string::npos);
  for (const std::string listen : {"7443", "line-1", "line-1:", ":7443", "line-1:0", "line-1:65536",
                                   "line-1:x", "::1:7443", "line-1:7443x", "line-1:-1"}) {
    const std::string text = head + "[tcp]\nlisten = \"" + listen + "\"\n";
    EXPECT_NE(fault(text).find(":6: \"listen\" must be HOST:PORT"), std::string::npos) << listen;
  }
}

// The page shows slots as they lie; two in one place would hide one.
TEST(StationConfig, SlotsLieInTheFixtureOrNobodySaidHow) {
  const std::string first = slot("1", "0000:00:14.0/1") + "row = 1\ncolumn = 2\n";
  const std::string second = slot("2", "0000:00:14.0/2");
  const auto config = parse_station(kHead + first + second, "station.toml");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->slots[0].row, 1);
  EXPECT_EQ(config->slots[0].column, 2);
  EXPECT_EQ(config->slots[1].row, 0);
  EXPECT_EQ(fault(kHead + first + second + "row = 1\ncolumn = 2\n"),
            "/etc/gangd/station.toml:10: slot \"1\" lies at this row and column already");
  EXPECT_NE(fault(kHead + second + "row = 1\n").find("go together"), std::string::npos);
  EXPECT_NE(fault(kHead + second + "row = 0\ncolumn = 1\n").find(":5:"), std::string::npos);
}

TEST(StationConfig, ThereIsAFloorPageIfItSaysSo) {
  const std::string rest = slot("1", "0000:00:14.0/1");
  EXPECT_FALSE(parse_station(kHead + rest, "station.toml")->web);
  const auto config =
      parse_station(kHead + "[web]\npages = \"floor\"\n" + rest, "/etc/gangd/station.toml");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->web->port, 8484);
  EXPECT_EQ(config->web->pages, "/etc/gangd/floor");
  EXPECT_NE(fault(kHead + "[web]\nport = 65536\n" + rest).find(":3:"), std::string::npos);
  EXPECT_NE(fault(kHead + "[web]\nhost = \"0.0.0.0\"\n" + rest).find(":3:"), std::string::npos);
}

TEST(StationConfig, AFailIsAcknowledgedIfItSaysSo) {
  const std::string rest = slot("1", "0000:00:14.0/1");
  EXPECT_FALSE(parse_station(kHead + rest, "station.toml")->fails_are_acknowledged);
  EXPECT_TRUE(parse_station(kHead + "acknowledge = \"fail\"\n" + rest, "station.toml")
                  ->fails_are_acknowledged);
  EXPECT_NE(fault(kHead + "acknowledge = \"yes\"\n" + rest).find(":2:"), std::string::npos);
}

TEST(StationConfig, MistakesHaveALine) {
  EXPECT_NE(fault(kHead).find("[[slot]]"), std::string::npos);
  EXPECT_NE(fault(slot("1", "0000:00:14.0/1")).find("\"name\" is missing"), std::string::npos);
  EXPECT_NE(fault(kHead + slot("1", "usb1")).find(":4:"), std::string::npos);
  EXPECT_NE(fault(kHead + slot("a b", "0000:00:14.0/1")).find(":3:"), std::string::npos);
  EXPECT_EQ(fault("name = \"line-1\"\nslot = 1\n"),
            "/etc/gangd/station.toml:2: \"slot\" must be tables: [[slot]]");
  EXPECT_NE(fault(kHead + "ledger = \"\"\n" + slot("1", "0000:00:14.0/1")).find(":2:"),
            std::string::npos);
  EXPECT_EQ(fault(kHead + slot("1", "0000:00:14.0/1") + "nmae = \"x\"\n"),
            "/etc/gangd/station.toml:5: unknown key \"nmae\"; did you mean \"name\"?");
  EXPECT_NE(fault(kHead + slot(std::string(65, 'x'), "0000:00:14.0/1")).find("at most 64"),
            std::string::npos);
  EXPECT_NE(fault(kHead + "ledgr = \"x\"\n" + slot("1", "0000:00:14.0/1")).find("\"ledger\""),
            std::string::npos);
}

}  // namespace
}  // namespace gangd
