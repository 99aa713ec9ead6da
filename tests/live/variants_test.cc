// SPDX-License-Identifier: Apache-2.0
// Objects as other compilers and tools leave them: each loads and does what its source says, or is
// refused with the reason. fixtures/meson.build makes them.
#include <doctest/doctest.h>
#include <filesystem>
#include <span>

#include "tests/live/support.h"

namespace {

using namespace bpfld;
using test::Loaded;
using test::still_there;

struct Source {
  std::string_view name;
  std::string_view program;
  i64 result;  // of a run over 64 bytes; -1: it is no program that can be run so
};
constexpr Source kSources[] = {
    {"core_fields", "on_getppid", -1},
    {"data_sections", "compute", 1234567},
    {"socket_filter", "", -1},
    {"subprogs", "first", 3 * 50 + 11},
};

struct Variant {
  std::string_view name;
  std::string_view refused;           // what the error says; empty: it loads
  std::string_view only = {};         // the refusal is of this source; the others load
  bool loses_relocations = false;     // it is to be said that CO-RE relocations may be missing
  bool has_its_own_compiler = false;  // which may not be installed
};
constexpr Variant kVariants[] = {
    {.name = "clang14", .refused = "", .has_its_own_compiler = true},
    {.name = "clang16", .refused = "", .has_its_own_compiler = true},
    {.name = "be", .refused = "the object is big-endian, this machine is little-endian"},
    {.name = "no_debug", .refused = ""},
    {.name = "no_btf", .refused = ".maps", .only = "socket_filter"},
    {.name = "no_ext", .refused = "", .loses_relocations = true},
};

bool is_refused(const Variant& variant, const Source& source) {
  return !variant.refused.empty() && (variant.only.empty() || variant.only == source.name);
}

std::string path_of(const Variant& variant, const Source& source) {
  return format("fixtures/{}.{}.bpf.o", source.name, variant.name);
}

void check_loaded(Loaded& loaded, const Variant& variant, const Source& source) {
  REQUIRE_MESSAGE(loaded.load(), loaded.error.message() << "\n" << loaded.error.detail);
  CHECK(loaded.spec.lost_relocations.has_value() == variant.loses_relocations);
  if (variant.loses_relocations) {
    CHECK(loaded.spec.lost_relocations->ext_is_missing);
    // Only of the source with CO-RE relocations can it be seen that there were some.
    CHECK((loaded.spec.lost_relocations->type_count != 0) == (source.name == "core_fields"));
  }
  if (source.result >= 0) CHECK(test::test_run(loaded, source.program, 64) == source.result);
  loaded.session.reset();
}

}  // namespace

TEST_CASE("live: objects of older compilers, stripped ones and foreign ones load or say why not") {
  for (const Variant& variant : kVariants) {
    u32 found = 0;
    for (const Source& source : kSources) {
      const std::string path = path_of(variant, source);
      if (!std::filesystem::exists(test::object_path(path))) continue;
      CAPTURE(path);
      found++;
      if (is_refused(variant, source) && !variant.only.empty()) continue;  // no ObjectSpec: below
      Loaded loaded(path);
      if (is_refused(variant, source)) {
        CHECK_FALSE(loaded.load());
        CHECK(loaded.error.what == variant.refused);
        CHECK(loaded.kernel.made().empty());
        continue;
      }
      check_loaded(loaded, variant, source);
      CHECK(still_there(loaded.kernel.made()) == "");
    }
    if (found == 0 && variant.has_its_own_compiler)
      test::skip(format("objects of {}", variant.name), "the compiler is not installed", "");
    else
      CHECK(found >= 2);
  }
}
