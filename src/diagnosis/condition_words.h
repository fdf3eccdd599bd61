// A condition of the catalogue in words, for people.
#pragma once

#include <string>

#include "diagnosis/catalogue.h"

namespace gpuward::diagnosis {

// "probe is stuck or waiting", "a line xid-79 or fallen-off". Of all, any, not
// and unless the word alone; their parts have words of their own.
std::string in_words(const Catalogue& catalogue, const Condition& condition);

}  // namespace gpuward::diagnosis
