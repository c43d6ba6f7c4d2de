#pragma once

#include <nanobind/nanobind.h>

namespace lutra::logic {

void bind(nanobind::module_ &m);

}  // namespace lutra::logic
