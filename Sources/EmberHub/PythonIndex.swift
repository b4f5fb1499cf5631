import EmberFormats
import EmberRuntime

/// Python's package index: finds wheels (PEP 503, 691) where pip would. They are archives of files to Ember: nothing in them is executed.
struct PythonIndex {
  struct Wheel: Sendable, Hashable {
    var fileName: String
    var version: String
    var url: String
    var sha256: String?
    var size: Int?
    var isYanked = false
  }

  let settings: PipSettings
  let downloader: Downloader

  /// The wheel of a package, of the version asked for, or else the newest that is no trial version.
  func wheel(_ package: String, version: String?) throws -> Wheel {
    if settings.hasNoIndex { throw EmberError(.file, in: "Hub", "\(package): pip's settings say that no index may be asked (no-index)") }
    var problems: [String] = []
    for index in [settings.index] + settings.extraIndexes {
      let base = index.hasSuffix("/") ? String(index.dropLast()) : index
      let address = "\(base)/\(Self.normalized(package))/"
      do {
        let accept = "Accept: application/vnd.pypi.simple.v1+json, text/html;q=0.1"
        let wheels = try Self.wheels(downloader.bytes(address, headers: [accept], limit: 1 << 28), of: package, at: address)
        if let best = Self.best(wheels, version: version) { return best }
        let versions = Set(wheels.map(\.version)).sorted { Self.isNewer($1, $0) }
        problems.append(
          "\(Self.plain(address)) has no wheel of \(version.map { "version \($0)" } ?? "a finished version")"
            + (versions.isEmpty ? "" : ", only of \(versions.suffix(5).joined(separator: ", "))"))
      } catch let error as EmberError { problems.append(error.message) }
    }
    throw EmberError(.file, in: "Hub", "the package \(package): \(problems.joined(separator: "; "))")
  }

  /// An address without the password that it may hold.
  private static func plain(_ url: String) -> String {
    guard let start = url.firstRange(of: "://")?.upperBound, let at = url[start...].firstIndex(of: "@"),
      url[start..<at].allSatisfy({ $0 != "/" })
    else { return url }
    return String(url[..<start] + url[url.index(after: at)...])
  }

  /// The name as indexes write it: small, with single dashes.
  static func normalized(_ name: String) -> String {
    var result = ""
    for character in name.lowercased() {
      if "-_.".contains(character) { if result.last != "-" { result.append("-") } } else { result.append(character) }
    }
    return result
  }

  /// The wheels that a page of the index lists, JSON or HTML.
  static func wheels(_ page: [UInt8], of package: String, at address: String) throws -> [Wheel] {
    var found: [(name: String, url: String, sha256: String?, size: Int?, isYanked: Bool)] = []
    if page.first(where: { $0 > 32 }) == UInt8(ascii: "{") {
      let json = try page.withUnsafeBytes { try JSON.parse($0, source: address, in: "Hub") }
      for file in json["files"]?.items ?? [] {
        guard let name = file["filename"]?.text, let url = file["url"]?.text else { continue }
        let isYanked = file["yanked"].map { $0.flag ?? ($0.text != nil) } ?? false
        found.append((name, url, file["hashes"]?["sha256"]?.text, file["size"]?.integer, isYanked))
      }
    } else {
      for tag in anchors(String(decoding: page, as: UTF8.self)) {
        guard let reference = tag["href"] else { continue }
        let parts = reference.split(separator: "#", maxSplits: 1).map(String.init)
        guard let url = parts.first, let name = url.split(separator: "/").last else { continue }
        let sum = parts.count > 1 && parts[1].hasPrefix("sha256=") ? String(parts[1].dropFirst(7)) : nil
        found.append((percentDecoded(String(name)), url, sum, nil, tag["data-yanked"] != nil))
      }
    }
    return found.compactMap { file in
      guard file.name.hasSuffix(".whl") else { return nil }
      let parts = file.name.dropLast(4).split(separator: "-")
      guard parts.count >= 5, normalized(String(parts[0])) == normalized(package) else { return nil }
      return Wheel(
        fileName: file.name, version: String(parts[1]), url: resolved(file.url, at: address), sha256: file.sha256?.lowercased(), size: file.size,
        isYanked: file.isYanked)
    }
  }

  static func best(_ wheels: [Wheel], version: String?) -> Wheel? {
    var candidates = wheels.filter { version == nil ? !$0.isYanked && isFinished($0.version) : $0.version == version }
    if version == nil, let newest = candidates.map(\.version).max(by: { isNewer($1, $0) }) { candidates = candidates.filter { $0.version == newest } }
    // Files are all that counts, so one for every system is as good as any and likelier to stay.
    return candidates.first { $0.fileName.hasSuffix("-any.whl") } ?? candidates.first { $0.fileName.contains("linux") } ?? candidates.first
  }

  private static func isFinished(_ version: String) -> Bool { version.allSatisfy { $0.isNumber || $0 == "." || $0 == "+" } || version.contains(".post") }

  /// Whether a version comes after another one, by its numbers.
  static func isNewer(_ a: String, _ b: String) -> Bool {
    func numbers(_ version: String) -> [Int] { version.split { !$0.isNumber }.map { Int($0) ?? 0 } }
    var x = numbers(a), y = numbers(b)
    while x.last == 0 { x.removeLast() }
    while y.last == 0 { y.removeLast() }
    return y.lexicographicallyPrecedes(x)
  }

  /// The attributes of all `<a …>` of a page.
  private static func anchors(_ page: String) -> [[String: String]] {
    var result: [[String: String]] = []
    var rest = Substring(page)
    while let start = rest.firstRange(of: "<a ") {
      rest = rest[start.upperBound...]
      guard let end = rest.firstIndex(of: ">") else { break }
      var attributes: [String: String] = [:]
      var tag = rest[..<end]
      while let sign = tag.firstIndex(of: "=") {
        let name = trimmed(tag[..<sign]).split(whereSeparator: \.isWhitespace).last.map(String.init) ?? ""
        tag = tag[tag.index(after: sign)...].drop(while: \.isWhitespace)
        guard let quote = tag.first, quote == "\"" || quote == "'", let close = tag.dropFirst().firstIndex(of: quote) else { break }
        attributes[name.lowercased()] = tag[tag.index(after: tag.startIndex)..<close].split(separator: "&amp;", omittingEmptySubsequences: false).joined(separator: "&")
        tag = tag[tag.index(after: close)...]
      }
      result.append(attributes)
      rest = rest[end...]
    }
    return result
  }

  /// A reference as seen from a page.
  static func resolved(_ reference: String, at address: String) -> String {
    if reference.hasPrefix("http://") || reference.hasPrefix("https://") { return reference }
    guard let scheme = address.firstRange(of: "://") else { return reference }
    if reference.hasPrefix("//") { return address[..<scheme.lowerBound] + ":" + reference }
    let hostEnd = address[scheme.upperBound...].firstIndex(of: "/") ?? address.endIndex
    if reference.hasPrefix("/") { return address[..<hostEnd] + reference }
    var path = address[hostEnd...].split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    path.removeLast(path.isEmpty ? 0 : 1)
    for part in reference.split(separator: "/", omittingEmptySubsequences: false).map(String.init) {
      if part == ".." { if path.count > 1 { path.removeLast() } } else if part != "." { path.append(part) }
    }
    return address[..<hostEnd] + path.joined(separator: "/")
  }

  private static func percentDecoded(_ text: String) -> String {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "%"), rest.count >= 2, let code = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) {
        bytes.append(code)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
