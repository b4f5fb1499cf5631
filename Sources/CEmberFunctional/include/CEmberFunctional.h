// Kernels of the functional operations: distances, resampling, unpooling, folding, losses over paths, bags of embeddings.
#ifndef CEMBERFUNCTIONAL_H
#define CEMBERFUNCTIONAL_H

#include "ember_functional_distances.h"

#endif
