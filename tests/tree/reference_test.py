"""What reference.py makes of a small API that is made here."""

import pathlib
import unittest

from check_case import CheckCase

THIRD_PARTY = pathlib.Path("third_party").resolve()
SERVICE = """// What a client can do with pots.
syntax = "proto3";
package tcptool.v1;
import "google/api/field_behavior.proto";
import "tcptool/v1/pot.proto";

// Pots of a kitchen.
service PotService {
  // Fills a pot.
  //
  // NOT_FOUND: no such pot.
  rpc FillPot(FillPotRequest) returns (Pot);
  rpc WatchPots(FillPotRequest) returns (stream Pot) {
    option idempotency_level = NO_SIDE_EFFECTS;
  }
}

message FillPotRequest {
  // Required. Which one:
  // - a name | a number.
  string name = 1 [(google.api.field_behavior) = REQUIRED];
}
"""
POT = """syntax = "proto3";
package tcptool.v1;
import "google/api/field_behavior.proto";
import "google/api/resource.proto";

// A pot.
message Pot {
  option (google.api.resource) = {type: "tcptool/Pot"
                                  pattern: "pots/{pot}"};
  string name = 1 [(google.api.field_behavior) = IDENTIFIER];
  // Required. What is in it.
  oneof content {
    Kind kind = 2;
    bytes soup = 3;
  }
  map<string, int64> spoons = 4;
  // Output only. In litres.
  repeated double fillings = 5 [(google.api.field_behavior) = OUTPUT_ONLY];
}

// What it is for.
enum Kind {
  // Nothing.
  KIND_UNSPECIFIED = 0;

  // For two.

  // Small.
  KIND_SMALL = 1;
}
"""
EXPECTED = """
- [PotService](#potservice): [FillPot](#fillpot), [WatchPots](#watchpots)

## pot_service.proto

What a client can do with pots.

### PotService

Pots of a kitchen.

#### FillPot

[FillPotRequest](#fillpotrequest) → [Pot](#pot).

Fills a pot.

NOT_FOUND: no such pot.

#### WatchPots

[FillPotRequest](#fillpotrequest) → stream of [Pot](#pot), without side effects.

### FillPotRequest

| field | number | type | meaning |
|---|---|---|---|
| `name` | 1 | `string`, required | Which one:<br>- a name \\| a number. |

## pot.proto

### Pot

A pot.

A resource: `pots/{pot}`.

`content`: Required. What is in it.

| field | number | type | meaning |
|---|---|---|---|
| `name` | 1 | `string`, identifier |  |
| `kind` | 2 | [Kind](#kind), one of `content` |  |
| `soup` | 3 | `bytes`, one of `content` |  |
| `spoons` | 4 | map of `string` to `int64` |  |
| `fillings` | 5 | repeated `double`, output only | In litres. |

### Kind

What it is for.

| value | number | meaning |
|---|---|---|
| `KIND_UNSPECIFIED` | 0 | Nothing. |
| | | **For two.** |
| `KIND_SMALL` | 1 | Small. |
"""


class ReferenceTest(CheckCase):
    def setUp(self):
        super().setUp()
        self.protos = self.root / "proto/tcptool/v1"
        self.protos.mkdir(parents=True)
        (self.root / "docs").mkdir()
        (self.root / "third_party").symlink_to(THIRD_PARTY)
        (self.protos / "pot_service.proto").write_text(SERVICE, encoding="utf-8")
        (self.protos / "pot.proto").write_text(POT, encoding="utf-8")

    def run_reference(self, *options):
        return self.run_check("reference.py", *options)

    def test_has_all_that_the_protos_say(self):
        self.assertEqual(self.run_reference("--write"), "")
        text = (self.root / "docs/reference.md").read_text(encoding="utf-8")
        self.assertTrue(text.endswith(EXPECTED), text)
        self.assertEqual(self.run_reference(), "")

    def test_tells_of_one_that_is_out_of_date(self):
        self.assertIn("./dev fmt", self.run_reference())
        self.run_reference("--write")
        (self.protos / "pot.proto").write_text(POT.replace("In litres", "In cups"))
        self.assertIn("./dev fmt", self.run_reference())


if __name__ == "__main__":
    unittest.main()
