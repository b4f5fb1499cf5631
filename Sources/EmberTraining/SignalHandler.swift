import CEmberFormats

/// Ctrl-C and SIGTERM as a flag: the training loop finishes its step, saves and leaves. A second signal ends the process.
///
/// `Trainer.run` installs and removes the handlers by itself; a loop of one's own does so around itself.
public enum SignalHandler {
  /// Calls nest; the first one forgets earlier signals.
  public static func install() { ember_signal_install() }
  /// The counterpart of `install`: the outermost puts back the handlers that were there before.
  public static func remove() { ember_signal_remove() }
  public static var isRequested: Bool { ember_signal_received() != 0 }
  /// Forgets a signal that was dealt with.
  public static func clear() { ember_signal_clear() }
}
