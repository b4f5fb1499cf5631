import EmberRuntime

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// How much translations share with reference translations, from 0 to 1: BLEU of a whole corpus (Papineni et al., ACL 2002), one
/// reference each. The geometric mean of the shares of runs of 1 ... `order` tokens that occur in the reference, times a penalty for
/// being too short.
///
/// 0 if there is no common run of `order` tokens.
public func bleu<Token: Hashable>(_ translations: [[Token]], references: [[Token]], order: Int = 4) throws -> Double {
  guard translations.count == references.count, order > 0 else {
    throw EmberError(
      .shape, in: "bleu", "\(translations.count) translations and \(references.count) references, runs of up to \(order) tokens")
  }
  var common = [Int](repeating: 0, count: order), total = common
  for (translation, reference) in zip(translations, references) {
    for length in 1...order {
      let found = runs(translation, length), wanted = runs(reference, length)
      total[length - 1] += max(0, translation.count - length + 1)
      for (run, count) in found { common[length - 1] += min(count, wanted[run] ?? 0) }
    }
  }
  guard common.allSatisfy({ $0 > 0 }) else { return 0 }
  let logs = zip(common, total).map { log(Double($0) / Double($1)) }
  let length = translations.reduce(0) { $0 + $1.count }, wanted = references.reduce(0) { $0 + $1.count }
  return min(1, exp(1 - Double(wanted) / Double(length))) * exp(logs.reduce(0, +) / Double(order))
}

/// How often each run of `length` tokens occurs.
private func runs<Token: Hashable>(_ tokens: [Token], _ length: Int) -> [ArraySlice<Token>: Int] {
  var counts: [ArraySlice<Token>: Int] = [:]
  for start in 0..<max(0, tokens.count - length + 1) { counts[tokens[start..<start + length], default: 0] += 1 }
  return counts
}
