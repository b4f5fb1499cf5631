import CEmberFormats

/// Ctrl-C and SIGTERM as a flag: the training loop finishes its step, saves and leaves. A second signal ends the process.
public enum SignalHandler {
  public static func install() { ember_signal_install() }
  public static func remove() { ember_signal_remove() }
  public static var isRequested: Bool { ember_signal_received() != 0 }
  /// Forgets a signal that was dealt with.
  public static func clear() { ember_signal_clear() }
}
