// SPDX-License-Identifier: Apache-2.0
// Which struct does an event buffer carry? The kernel does not know: a perf event array and a ring
// buffer pass bytes. The object usually does, in one of several ways; the first that answers wins,
// and which one it was is part of the answer. Size alone is never evidence: kernel types of the
// same size abound.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "btf/view.h"
#include "loader/spec.h"

namespace bpfld::loader {

enum class EventRule : u8 {
  option,       // the caller named it: --event MAP=STRUCT
  tag,          // __attribute__((btf_decl_tag("bpfld:event=struct event"))) on the map
  map_value,    // the ring buffer's own __type(value, struct event)
  data_source,  // the pointer that programs pass comes from a map with that value type
  marker,       // a global `struct event *unused`, there to keep the type in BTF
};
std::string_view event_rule_text(EventRule rule);  // "value type of the map the data comes from"

// spec: the type of one event map's samples.
struct EventType {
  btf::TypeId type;  // in ObjectSpec::btf
  EventRule rule = EventRule::option;
  bool operator==(const EventType&) const = default;
};

// True for the map types that carry events to user space.
bool is_event_map(const MapSpec& map);

// What the samples of spec.maps[map] are, if the object tells. `btf` is the view of spec.btf.
std::optional<EventType> find_event_type(const ObjectSpec& spec, const btf::View& btf, u32 map);

// The type that a user named: "event" or "struct event". Errors: not_found, with near names in
// `detail`; usage (it has no size, so it cannot describe bytes).
[[nodiscard]] Result<EventType> named_event_type(const btf::View& btf, std::string_view name);

// Whether samples of both look the same: one name, one size, the same fields at the same places.
bool same_event_type(const btf::View& one_btf, btf::TypeId one, const btf::View& other_btf,
                     btf::TypeId other);

// Where the data of each bpf_perf_event_output() or bpf_ringbuf_output() into `map` comes from: the
// index of the map whose value it is, or nothing when the pointer's origin is not a map's value.
// One per call.
std::vector<std::optional<u32>> event_sources(const ObjectSpec& spec, u32 map);

}  // namespace bpfld::loader
