// What the stand-ins for the driver and for libraries know of each other.
#ifndef EMBER_FAKE_STREAM_H
#define EMBER_FAKE_STREAM_H

#include <stdbool.h>

struct graph;
struct stream {
  struct graph *capturing;
  /// Puts a call into the graph that is being captured, with its data, which `free` ends; false if there is none.
  bool (*record)(struct stream *stream, void (*call)(void *data), void *data);
  /// Copies between the device and pinned memory that nobody has waited for yet.
  struct record *first, **end;
};

#endif
