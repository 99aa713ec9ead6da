// SPDX-License-Identifier: Apache-2.0
// Whether a map that was pinned by somebody can stand for one that an object asks for. Pure.
#pragma once

#include "base/result.h"
#include "bpf/object_info.h"
#include "bpf/request.h"

namespace bpfld::bpf {

// Errors: unsupported, naming the first property that differs: "has max_entries 16, the object
// wants 32". The name and the types of keys and values are not compared.
[[nodiscard]] Status check_like(const MapInfo& have, const MapCreate& want);

}  // namespace bpfld::bpf
