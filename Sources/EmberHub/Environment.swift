import EmberFormats
import Glibc

/// What the environment says.
enum Environment {
  /// A variable that is set and not empty.
  static func variable(_ name: String) -> String? {
    guard let value = getenv(name) else { return nil }
    let text = String(cString: value)
    return text.isEmpty ? nil : text
  }

  /// Whether a variable is set to something that means yes.
  static func flag(_ name: String) -> Bool { variable(name).map { !["0", "false", "no", "off"].contains($0.lowercased()) } ?? false }

  static var home: String { variable("HOME") ?? "." }

  /// Certificates that the environment wants trusted instead of the system's.
  static var certificates: String? {
    ["SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"].lazy.compactMap(variable).first(where: Files.exists)
  }
}

/// pip's settings, as far as they say where packages are: variables (`PIP_INDEX_URL`), then its files, as pip itself ranks them.
struct PipSettings {
  var index = "https://pypi.org/simple"
  var extraIndexes: [String] = []
  var certificates: String?
  /// Whether pip is told to ask no index.
  var hasNoIndex = false

  init() {
    var values: [String: String] = [:]
    for path in Self.files { if let text = try? Self.text(of: path) { Self.read(text, into: &values) } }
    for name in ["index-url", "extra-index-url", "cert", "no-index"] {
      let variable = "PIP_" + String(name.map { $0 == "-" ? "_" : $0 }).uppercased()
      if let value = Environment.variable(variable) { values[name] = value }
    }
    if let url = values["index-url"] { index = url }
    extraIndexes = values["extra-index-url"]?.split(whereSeparator: \.isWhitespace).map(String.init) ?? []
    certificates = values["cert"].flatMap { Files.exists($0) ? $0 : nil } ?? Environment.certificates
    hasNoIndex = values["no-index"].map { ["1", "true", "yes", "on"].contains($0.lowercased()) } ?? false
  }

  /// Later ones win.
  private static var files: [String] {
    let home = Environment.home
    let config = Environment.variable("XDG_CONFIG_HOME") ?? "\(home)/.config"
    let own = Environment.variable("PIP_CONFIG_FILE")
    if own == "/dev/null" { return [] }
    return ["/etc/xdg/pip/pip.conf", "/etc/pip.conf", "\(home)/.pip/pip.conf", "\(config)/pip/pip.conf"] + (own.map { [$0] } ?? [])
  }

  private static func text(of path: String) throws -> String {
    try FileBytes.reading(path, in: "Hub", limit: 1 << 20).withBytes { String(decoding: $0, as: UTF8.self) }
  }

  /// The settings in `[global]`, and over them those in `[install]` and `[download]`. A value may go on in lines that are indented.
  static func read(_ text: String, into values: inout [String: String]) {
    var section = ""
    var found: [String: [String: String]] = [:]
    var key: String?
    for line in text.split(whereSeparator: \.isNewline) {
      let plain = trimmed(line)
      if plain.isEmpty || plain.hasPrefix("#") || plain.hasPrefix(";") { continue }
      if let first = line.first, first.isWhitespace, let key {
        found[section, default: [:]][key, default: ""] += " " + plain
      } else if plain.hasPrefix("["), plain.hasSuffix("]") {
        section = String(plain.dropFirst().dropLast())
        key = nil
      } else if let sign = plain.firstIndex(where: { $0 == "=" || $0 == ":" }) {
        let name = String(trimmed(plain[..<sign]).map { $0 == "_" ? "-" : $0 })
        found[section, default: [:]][name] = trimmed(plain[plain.index(after: sign)...])
        key = name
      }
    }
    for section in ["global", "download", "install"] { values.merge(found[section] ?? [:]) { $1 } }
  }
}

/// A text without spaces at its ends.
func trimmed(_ text: some StringProtocol) -> String {
  String(text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
}
