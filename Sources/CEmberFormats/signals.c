#include "CEmberFormats.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

static volatile sig_atomic_t received;

static const int numbers[] = {SIGINT, SIGTERM};
enum { COUNT = sizeof numbers / sizeof numbers[0] };

/// Guards what follows. Installations nest; the outermost keeps the handlers that were there before.
static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;
static int installations;
static struct sigaction before[COUNT];

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
  pthread_mutex_lock(&guard);
  if (installations++ == 0) {
    received = 0;
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = note;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < COUNT; i++) {
      sigaction(numbers[i], NULL, &before[i]);
      // A signal that is ignored, as SIGINT is for jobs in the background, stays so.
      if (before[i].sa_handler != SIG_IGN) sigaction(numbers[i], &action, NULL);
    }
  }
  pthread_mutex_unlock(&guard);
}

void ember_signal_remove(void) {
  pthread_mutex_lock(&guard);
  if (installations > 0 && --installations == 0) {
    for (int i = 0; i < COUNT; i++) sigaction(numbers[i], &before[i], NULL);
  }
  pthread_mutex_unlock(&guard);
}

int ember_signal_received(void) { return received; }
void ember_signal_clear(void) { received = 0; }
