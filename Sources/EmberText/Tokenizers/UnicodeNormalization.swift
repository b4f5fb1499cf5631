/// Versions of Unicode that tokenizers follow: Hugging Face's library carries tables of its own from several years, and models have been trained
/// with what these say. Characters that came later have no properties to it.
enum UnicodeEdition: Int, Sendable {
  /// Categories as BERT's steps see them.
  case bert = 8
  /// Which characters are accents.
  case accents = 9
  /// Decompositions.
  case normalization = 12

  func knows(_ scalar: Unicode.Scalar) -> Bool {
    guard scalar.value >= 0x590 else { return true }
    guard let age = scalar.properties.age else { return false }
    return (age.major, age.minor) <= (rawValue, 0)
  }

  /// A character's category as BERT's steps see it; seven characters have changed theirs since.
  static func bertCategory(_ scalar: Unicode.Scalar) -> Unicode.GeneralCategory {
    switch scalar.value {
    case 0x1734, 0x1171E: .nonspacingMark
    case 0xA9BD: .spacingMark
    case 0x1885, 0x1886: .otherLetter
    case 0x166D, 0x111C9: .otherPunctuation
    default: UnicodeEdition.bert.knows(scalar) ? scalar.properties.generalCategory : .unassigned
    }
  }
}

/// The four normalisation forms of Unicode (Standard Annex #15).
enum NormalizationForm: Sendable {
  case nfc, nfd, nfkc, nfkd

  func normalize(_ text: String) -> String {
    if text.utf8.allSatisfy({ $0 < 0x80 }) { return text }
    let tables = DecompositionTables.shared
    var scalars: [Unicode.Scalar] = []
    scalars.reserveCapacity(text.utf8.count)
    for scalar in text.unicodeScalars { tables.decompose(scalar, isCompatible: self == .nfkc || self == .nfkd, into: &scalars) }
    Self.order(&scalars)
    if self == .nfc || self == .nfkc { tables.compose(&scalars) }
    return String(scalars)
  }

  /// Sorts every run of combining marks by their classes, equal ones in the order they are in.
  private static func order(_ scalars: inout [Unicode.Scalar]) {
    var start = 0
    while start < scalars.count {
      guard combiningClass(scalars[start]) != 0 else {
        start += 1
        continue
      }
      var run: [(rank: UInt8, scalar: Unicode.Scalar)] = []
      while start + run.count < scalars.count {
        let scalar = scalars[start + run.count], rank = combiningClass(scalar)
        if rank == 0 { break }
        run.append((rank, scalar))
      }
      if run.count > 1 {
        // A sort of pairs: the standard library's does not promise to be stable.
        let sorted = run.enumerated().sorted { ($0.element.rank, $0.offset) < ($1.element.rank, $1.offset) }
        for (i, item) in sorted.enumerated() { scalars[start + i] = item.element.scalar }
      }
      start += run.count
    }
  }

  static func combiningClass(_ scalar: Unicode.Scalar) -> UInt8 {
    scalar.value < 0x300 || !UnicodeEdition.normalization.knows(scalar) ? 0 : scalar.properties.canonicalCombiningClass.rawValue
  }
}

/// What `unicodeDecompositions` says, and Hangul's formula.
private struct DecompositionTables: Sendable {
  static let shared = DecompositionTables()

  /// Decomposed as far as it goes.
  private var canonical: [Unicode.Scalar: [Unicode.Scalar]] = [:]
  private var compatible: [Unicode.Scalar: [Unicode.Scalar]] = [:]
  /// The composed character of two.
  private var compositions: [UInt64: Unicode.Scalar] = [:]

  private init() {
    var steps: [(scalar: Unicode.Scalar, parts: [Unicode.Scalar], isCanonical: Bool)] = []
    unicodeDecompositions.withUTF8Buffer { bytes in
      var number: UInt32 = 0
      var numbers: [Unicode.Scalar] = []
      var sign = UInt8(ascii: "=")
      func finishNumber() {
        numbers.append(Unicode.Scalar(number) ?? "\u{FFFD}")
        number = 0
      }
      func finishEntry() {
        finishNumber()
        if numbers.count > 1, UnicodeEdition.normalization.knows(numbers[0]) {
          let parts = Array(numbers[1...])
          steps.append((numbers[0], parts, sign != UInt8(ascii: "~")))
          if sign == UInt8(ascii: "="), parts.count == 2 { compositions[Self.pair(parts[0], parts[1])] = numbers[0] }
        }
        numbers = []
      }
      for byte in bytes {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): number = number << 4 | UInt32(byte - 0x30)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): number = number << 4 | UInt32(byte - 0x37)
        case UInt8(ascii: " "): finishEntry()
        case UInt8(ascii: "+"): finishNumber()
        default:
          sign = byte
          finishNumber()
        }
      }
      finishEntry()
    }
    let all = Dictionary(steps.map { ($0.scalar, $0.parts) }, uniquingKeysWith: { first, _ in first })
    let canonicalSteps = Dictionary(steps.filter(\.isCanonical).map { ($0.scalar, $0.parts) }, uniquingKeysWith: { first, _ in first })
    func whole(_ scalar: Unicode.Scalar, _ table: [Unicode.Scalar: [Unicode.Scalar]]) -> [Unicode.Scalar] {
      table[scalar].map { $0.flatMap { whole($0, table) } } ?? [scalar]
    }
    for (scalar, _, isCanonical) in steps {
      compatible[scalar] = whole(scalar, all)
      if isCanonical { canonical[scalar] = whole(scalar, canonicalSteps) }
    }
  }

  private static func pair(_ first: Unicode.Scalar, _ second: Unicode.Scalar) -> UInt64 { UInt64(first.value) << 32 | UInt64(second.value) }

  /// Hangul syllables: 19 leading consonants, 21 vowels, 27 trailing consonants or none.
  private enum Hangul {
    static let syllables: UInt32 = 0xAC00, leading: UInt32 = 0x1100, vowels: UInt32 = 0x1161, trailing: UInt32 = 0x11A7
    static let leadingCount: UInt32 = 19, vowelCount: UInt32 = 21, trailingCount: UInt32 = 28
    static let count = leadingCount * vowelCount * trailingCount
  }

  func decompose(_ scalar: Unicode.Scalar, isCompatible: Bool, into result: inout [Unicode.Scalar]) {
    if scalar.value < 0xA0 { return result.append(scalar) }
    if scalar.value >= Hangul.syllables, scalar.value < Hangul.syllables + Hangul.count {
      let index = scalar.value - Hangul.syllables
      let vowel = index / Hangul.trailingCount
      let parts = [
        Hangul.leading + vowel / Hangul.vowelCount, Hangul.vowels + vowel % Hangul.vowelCount, Hangul.trailing + index % Hangul.trailingCount,
      ]
      for part in parts where part != Hangul.trailing { result.append(Unicode.Scalar(part)!) }
      return
    }
    if let parts = isCompatible ? compatible[scalar] : canonical[scalar] {
      result += parts
    } else {
      result.append(scalar)
    }
  }

  private func composed(_ first: Unicode.Scalar, _ second: Unicode.Scalar) -> Unicode.Scalar? {
    let a = first.value, b = second.value
    if a >= Hangul.leading, a < Hangul.leading + Hangul.leadingCount, b >= Hangul.vowels, b < Hangul.vowels + Hangul.vowelCount {
      return Unicode.Scalar(
        Hangul.syllables + ((a - Hangul.leading) * Hangul.vowelCount + b - Hangul.vowels) * Hangul.trailingCount)
    }
    if a >= Hangul.syllables, a < Hangul.syllables + Hangul.count, (a - Hangul.syllables) % Hangul.trailingCount == 0,
      b > Hangul.trailing, b < Hangul.trailing + Hangul.trailingCount
    {
      return Unicode.Scalar(a + b - Hangul.trailing)
    }
    return compositions[Self.pair(first, second)]
  }

  func compose(_ scalars: inout [Unicode.Scalar]) {
    var result: [Unicode.Scalar] = []
    result.reserveCapacity(scalars.count)
    var starter: Int?
    // The class of what was last put behind the starter; nil if nothing was.
    var last: UInt8?
    for scalar in scalars {
      let rank = NormalizationForm.combiningClass(scalar)
      let isBlocked = last.map { $0 >= rank } ?? false
      if let place = starter, !isBlocked, let both = composed(result[place], scalar) {
        result[place] = both
        continue
      }
      result.append(scalar)
      if rank == 0 {
        starter = result.count - 1
        last = nil
      } else {
        last = rank
      }
    }
    scalars = result
  }
}

extension String {
  init(_ scalars: some Sequence<Unicode.Scalar>) {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars)
    self.init(view)
  }
}
