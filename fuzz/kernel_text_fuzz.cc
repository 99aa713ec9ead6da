// SPDX-License-Identifier: Apache-2.0
// The kernel's text files, and ours: any text gives names that are parts of it, or an error. The
// first byte chooses the file.
#include <cstddef>

#include "fuzz/require.h"
#include "loader/places.h"
#include "loader/saved_profile.h"
#include "perf/event_format.h"

namespace {

using namespace bpfld;

bool is_part(std::string_view part, std::string_view whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void require_parts(const std::vector<loader::Place>& places, std::string_view text) {
  for (const loader::Place& place : places) {
    fuzz::require(!place.name.empty() && is_part(place.name, text), "a name is a part of the text");
    fuzz::require(is_part(place.module, text), "so is a module's");
    for (const loader::PlaceKindRow& row : loader::place_kinds())
      fuzz::require(loader::section_texts(row, place).size() <= 2, "a place has SEC() texts");
  }
}

void read_format(std::string_view text) {
  const Result<perf::EventFormat> format = perf::parse_event_format(text);
  if (!format) return fuzz::require_good_error(format.error());
  for (const perf::EventField& field : format->fields)
    fuzz::require(is_part(field.name, text) && is_part(field.declaration, text),
                  "a field is a part of the text");
}

void read_profile(std::string_view text) {
  const Result<loader::SavedProfile> profile = loader::parse_saved_profile(text);
  if (!profile) return fuzz::require_good_error(profile.error());
  const Result<loader::SavedProfile> again = loader::parse_saved_profile(loader::to_text(*profile));
  fuzz::require(profile->release.empty() || (again && *again == *profile),
                "what is written is read back");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 5) {
    case 0: require_parts(loader::parse_events(text), text); break;
    case 1: require_parts(loader::parse_traceable(text), text); break;
    case 2: require_parts(loader::parse_kallsyms(text), text); break;
    case 3: read_format(text); break;
    case 4: read_profile(text); break;
  }
  return 0;
}
