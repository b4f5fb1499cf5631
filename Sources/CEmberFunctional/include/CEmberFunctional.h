// Kernels of the functional operations: distances, resampling, unpooling, folding, losses over paths, bags of embeddings, rotations.
#ifndef CEMBERFUNCTIONAL_H
#define CEMBERFUNCTIONAL_H

#include "ember_functional_bags.h"
#include "ember_functional_distances.h"
#include "ember_functional_folding.h"
#include "ember_functional_losses.h"
#include "ember_functional_reductions.h"
#include "ember_functional_resampling.h"
#include "ember_functional_rotary.h"

#endif
