// What other compilers and languages rely on: the headers are C, and their structures lie in memory as written here.
#include "ember.h"
#include "ember/dlpack.h"

_Static_assert(sizeof(ember_status) == 4 && sizeof(ember_scalar_type) == 4 && sizeof(ember_value_kind) == 4, "enumerations are four bytes");
_Static_assert(sizeof(ember_device) == 8, "a device is two words of four bytes");
_Static_assert(sizeof(ember_value) == 40 && offsetof(ember_value, as) == 16, "a value is a tag, a name and three words");
_Static_assert(sizeof(DLTensor) == 48 && sizeof(DLManagedTensor) == 64, "DLPack's older structure");
_Static_assert(sizeof(DLManagedTensorVersioned) == 80 && offsetof(DLManagedTensorVersioned, dl_tensor) == 32, "DLPack 1.x's structure");
