import EmberRuntime
import EmberTensor

/// Picking elements by position or condition, and putting them.
extension OperatorTable {
  mutating func addIndexing() {
    addGathers()
    addScatters()
    addSelections()
  }

  private mutating func addGathers() {
    add("Gather") { call in
      let axis = try call.int("axis", 0), indices = try call.tensor(1).to(.int64)
      return try call.value(0).rearranged(call) { x in
        let axis = try call.wrapped(axis, x.rank)
        let shape = Array(x.shape[..<axis]) + Array(indices.shape) + Array(x.shape[(axis + 1)...])
        return x.indexSelect(axis, fromFront(indices.reshape([indices.elementCount]), x.shape[axis])).reshape(shape)
      }
    }
    add("GatherElements", since: 11) { call in
      let axis = try call.int("axis", 0), indices = try call.tensor(1).to(.int64)
      return try call.value(0).rearranged(call) { x in
        let axis = try call.wrapped(axis, x.rank)
        return x.gather(dim: axis, index: fromFront(indices, x.shape[axis]))
      }
    }
    add("GatherND", since: 11) { call in
      let indices = try call.tensor(1, minimumRank: 1), batchCount = try call.int("batch_dims", 0)
      return try call.value(0).rearranged(call) { x in
        let coordinates = try call.coordinates(indices, in: x, batchCount: batchCount)
        // Without coordinates the index names the whole.
        if coordinates.isEmpty { return x.expand(Array(indices.shape.dropLast()) + Array(x.shape)) }
        return x.index(coordinates)
      }
    }
    add("ArrayFeatureExtractor", domain: "ai.onnx.ml") { call in
      let indices = try call.tensor(1).to(.int64)
      return try call.value(0).rearranged(call) { x in
        guard x.rank > 0 else { throw call.failure("\(describe(x)); it needs a dimension", .shape) }
        let picked = x.indexSelect(x.rank - 1, indices.reshape([indices.elementCount]))
        return x.rank == 1 ? picked.unsqueeze(0) : picked
      }
    }
  }

  private mutating func addScatters() {
    for name in ["Scatter", "ScatterElements"] {
      add(name, since: name == "Scatter" ? 9 : 11) { call in
        let axis = try call.int("axis", 0), indices = try call.tensor(1).to(.int64)
        let reduction = try call.reduction()
        return try call.replaced { x, updates in
          let axis = try call.wrapped(axis, x.rank)
          let index = fromFront(indices, x.shape[axis])
          if let reduction {
            return x.wide.scatterReduce(dim: axis, index: index, source: updates.wide, reduction).to(x.dtype)
          }
          return x.scatter(dim: axis, index: index, source: updates)
        }
      }
    }
    add("ScatterND", since: 11) { call in
      let indices = try call.tensor(1, minimumRank: 1), reduction = try call.reduction()
      return try call.replaced { x, updates in
        let coordinates = try call.coordinates(indices, in: x, batchCount: 0)
        if coordinates.isEmpty { throw call.failure("indices \(describe(indices)) name no position", .shape) }
        guard let reduction else { return x.indexPut(coordinates, updates) }
        // Positions among all that the coordinates can name, as one dimension.
        let depth = coordinates.count
        let count = x.shape.prefix(depth).reduce(1, *), size = x.shape.dropFirst(depth).reduce(1, *)
        let places = Tensor.arange(count, on: x.device).reshape(Array(x.shape.prefix(depth))).index(coordinates)
        let index = places.reshape([places.elementCount])
        let rows = x.wide.reshape([count, size]), source = updates.wide.reshape([places.elementCount, size])
        let combined =
          reduction == .sum ? rows.indexAdd(dim: 0, index: index, source: source) : rows.indexReduce(dim: 0, index: index, source: source, reduction)
        return combined.reshape(Array(x.shape)).to(x.dtype)
      }
    }
    add("TensorScatter", since: 24, numbers: [2]) { call in
      let isCircular = try call.string("mode", oneOf: ["linear", "circular"]) == "circular"
      let axis = try call.int("axis", -2), given = try call.optionalInts(2)
      return try call.replaced(updates: 1) { cache, update in
        let axis = try call.wrapped(axis, cache.rank), length = cache.shape[axis]
        guard axis > 0, update.rank == cache.rank else { throw call.failure("axis \(axis) of \(describe(cache)), \(describe(update))", .shape) }
        let batch = cache.shape[0], count = update.shape[axis]
        let starts = given ?? Array(repeating: 0, count: batch)
        guard starts.count == batch, starts.allSatisfy({ $0 >= 0 && (isCircular || $0 <= length - count) }), count <= length else {
          throw call.failure("\(count) elements at \(starts) of dimension \(axis) of \(describe(cache))", .index)
        }
        let places = Tensor(starts.flatMap { start in (0..<count).map { (start % max(length, 1) + $0) % max(length, 1) } }, shape: [batch, count])
        let rows = Tensor.arange(batch).unsqueeze(-1)
        let moved = cache.movedim(axis, 1).indexPut([rows, places], update.movedim(axis, 1))
        return moved.movedim(1, axis)
      }
    }
  }

  private mutating func addSelections() {
    add("Compress", since: 9, numbers: [1]) { call in
      let isKept = try call.tensor(1).elementsOrThrow(as: Bool.self), axis = try call.int("axis")
      let kept = Tensor(isKept.indices.filter { isKept[$0] })
      return try call.value(0).rearranged(call) { x in
        guard let axis else { return x.reshape([x.elementCount]).indexSelect(0, kept) }
        return x.indexSelect(try call.wrapped(axis, x.rank), kept)
      }
    }
    add("NonZero", since: 9) { call in
      let x = try call.tensor(0)
      return x.rank == 0 ? x.reshape([1]).nonzero().narrow(1, start: 0, length: 0).mT : x.wide.nonzero().mT.contiguous()
    }
    add("OneHot", since: 9, numbers: [1]) { call in
      let indices = try call.tensor(0), values = try call.value(2)
      let depth = try call.doubles(1)
      guard depth.count == 1, depth[0] >= 0, depth[0] < 0x1p40 else { throw call.failure("a depth of \(depth)") }
      let count = Int(depth[0])
      guard values.shape == [2] else { throw call.failure("values \(values.summary); they must be two, off and on", .shape) }
      let axis = try call.wrapped(try call.int("axis", -1), indices.rank + 1)
      var columns = Array(repeating: 1, count: indices.rank + 1)
      columns[axis] = count
      let isOn = fromFront(indices.to(.int64), count).unsqueeze(axis) .== Tensor.arange(count, on: indices.device).reshape(columns)
      return try values.rearranged(call) { x in
        let shape = Array(isOn.shape)
        return x.indexSelect(0, isOn.to(.int64).reshape([isOn.elementCount])).reshape(shape)
      }
    }
    add("TopK", numbers: [1]) { call in
      let x = try call.tensor(0, minimumRank: 1)
      let axis = try call.wrapped(try call.int("axis", -1), x.rank)
      let count = try call.version < 10 ? call.required(call.int("k"), "k") : call.int(1)
      guard count >= 0, count <= x.shape[axis] else {
        throw call.failure("\(count) elements of dimension \(axis) of \(describe(x))", .index)
      }
      // A stable order: of equal elements the first comes first.
      let order = x.ordered.sort(axis, descending: try call.flag("largest", true)).indices.narrow(axis, start: 0, length: count)
      return [x.gather(dim: axis, index: order), order.contiguous()]
    }
    add("Unique", since: 11) { call in
      let isSorted = try call.flag("sorted", true), axis = try call.int("axis")
      let value = try call.value(0)
      guard let shape = value.shape else { throw call.failure("input 0 is \(value.summary), where a tensor is needed", .dtype) }
      let place = try axis.map { try call.wrapped($0, shape.count) }
      // Which group each slice belongs to, groups in the order of their values.
      var groups: [Int]
      if case .strings(let strings) = value {
        guard place == nil || strings.shape.count == 1 else { throw call.failure("slices of texts are not compared", .unsupported) }
        let order = Dictionary(uniqueKeysWithValues: Set(strings.elements).sorted().enumerated().map { ($1, $0) })
        groups = strings.elements.map { order[$0]! }
      } else {
        let x = try call.tensor(0).ordered
        groups = try x.unique(dim: place).inverse.reshape([-1]).elementsOrThrow(as: Int.self)
      }
      let count = (groups.max() ?? -1) + 1
      var first = Array(repeating: -1, count: count), sizes = Array(repeating: 0, count: count)
      for (i, group) in groups.enumerated() {
        if first[group] < 0 { first[group] = i }
        sizes[group] += 1
      }
      if !isSorted {
        let order = (0..<count).sorted { first[$0] < first[$1] }
        var ranks = Array(repeating: 0, count: count)
        for (rank, group) in order.enumerated() { ranks[group] = rank }
        groups = groups.map { ranks[$0] }
        first = order.map { first[$0] }
        sizes = order.map { sizes[$0] }
      }
      let picked = try value.rearranged(call) { x in
        place.map { x.indexSelect($0, Tensor(first)) } ?? x.reshape([x.elementCount]).indexSelect(0, Tensor(first))
      }
      return [picked, .tensor(Tensor(first)), .tensor(Tensor(groups)), .tensor(Tensor(sizes))]
    }
    add("ReverseSequence", since: 10, numbers: [1]) { call in
      let lengths = try call.ints(1)
      let batchAxis = try call.int("batch_axis", 1), timeAxis = try call.int("time_axis", 0)
      return try call.value(0).rearranged(call) { x in
        let axes = try call.wrapped([batchAxis, timeAxis], x.rank)
        let batch = x.shape[axes[0]], time = x.shape[axes[1]]
        guard lengths.count == batch, lengths.allSatisfy({ (0...time).contains($0) }) else {
          throw call.failure("lengths \(lengths) for \(batch) sequences of \(time)", .index)
        }
        let places = Tensor(lengths.flatMap { length in (0..<time).map { $0 < length ? length - 1 - $0 : $0 } }, shape: [batch, time])
        let moved = x.movedim(axes, [0, 1]).index([Tensor.arange(batch).unsqueeze(-1), places])
        return moved.movedim([0, 1], axes)
      }
    }
  }
}

/// Indices of which negative ones count from the end.
func fromFront(_ indices: Tensor, _ extent: Int) -> Tensor { `where`(indices .< 0, indices + extent, indices) }

extension OperatorCall {
  fileprivate func reduction() throws -> ScatterReduction? {
    switch try string("reduction", oneOf: ["none", "add", "mul", "max", "min"]) {
    case "add": .sum
    case "mul": .prod
    case "max": .amax
    case "min": .amin
    default: nil
    }
  }

  /// Input 0 with elements of another input put in, whatever kind both are.
  fileprivate func replaced(updates position: Int = 2, _ body: (Tensor, Tensor) throws -> Tensor) throws -> ONNXValue {
    let value = try value(0), updates = try self.value(position)
    guard value.elementType == updates.elementType else {
      throw failure("\(value.summary) and \(updates.summary); their types must agree", .dtype)
    }
    if case .strings(let old) = value, case .strings(let new) = updates {
      // Positions of both in one list; those of the new texts come second.
      let places = try body(positions(old.shape), positions(new.shape) + old.elements.count)
      return .strings(try ONNXStrings(shape: [old.elements.count + new.elements.count], old.elements + new.elements).picked(places))
    }
    return try value.rearranged(self) { try body($0, updates.tensor ?? $0) }
  }

  /// The coordinates in the last dimension of `indices`, one tensor a dimension, those of the batch before them.
  fileprivate func coordinates(_ indices: Tensor, in x: Tensor, batchCount: Int) throws -> [Tensor?] {
    let depth = indices.shape[indices.rank - 1]
    guard batchCount >= 0, batchCount < indices.rank, batchCount + depth <= x.rank,
      (0..<batchCount).allSatisfy({ indices.shape[$0] == x.shape[$0] })
    else { throw failure("indices \(describe(indices)) for \(describe(x)) with \(batchCount) dimensions of batches", .shape) }
    if depth == 0 { return [] }
    let rank = indices.rank - 1
    let batches = (0..<batchCount).map { i in
      Tensor.arange(x.shape[i], on: x.device).reshape((0..<max(rank, 1)).map { $0 == i ? x.shape[i] : 1 })
    }
    return batches + (0..<depth).map { indices.select(rank, $0).to(.int64) }
  }
}
