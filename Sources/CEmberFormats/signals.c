#include "CEmberFormats.h"

#include <signal.h>
#include <string.h>

static volatile sig_atomic_t received;

static void note(int number) {
  if (received) {
    // The user insists: end as if there were no handler.
    signal(number, SIG_DFL);
    raise(number);
    return;
  }
  received = number;
}

void ember_signal_install(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = note;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
}

void ember_signal_remove(void) {
  signal(SIGINT, SIG_DFL);
  signal(SIGTERM, SIG_DFL);
}

int ember_signal_received(void) { return received; }
void ember_signal_clear(void) { received = 0; }
