public import EmberTensor

extension Profile {
  /// Writes `chromeTrace` to a file, atomically. Open it in chrome://tracing or ui.perfetto.dev.
  public func saveTrace(_ path: String) throws { try Files.write(chromeTrace, to: path, in: "Profile.saveTrace") }
}
