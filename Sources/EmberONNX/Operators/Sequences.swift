import EmberRuntime
import EmberTensor

/// Lists of tensors.
extension OperatorTable {
  mutating func addSequences() {
    add("SequenceEmpty", since: 11) { _ in ONNXValue.sequence([]) }
    add("SequenceConstruct", since: 11) { call in ONNXValue.sequence(try call.inputs.indices.map { try call.value($0) }) }
    add("SequenceLength", since: 11) { call in Tensor(try call.sequence(0).count) }
    add("SequenceAt", since: 11, numbers: [1]) { call in
      let elements = try call.sequence(0)
      return elements[try call.position(1, in: elements.count)]
    }
    add("SequenceErase", since: 11, numbers: [1]) { call in
      var elements = try call.sequence(0)
      elements.remove(at: call.has(1) ? try call.position(1, in: elements.count) : try call.lastPosition(elements.count))
      return ONNXValue.sequence(elements)
    }
    add("SequenceInsert", since: 11, numbers: [2]) { call in
      var elements = try call.sequence(0)
      // One place more than there are elements.
      let place = call.has(2) ? try call.int(2) : elements.count
      guard place >= -elements.count, place <= elements.count else {
        throw call.failure("position \(place) in a sequence of \(elements.count)", .index)
      }
      elements.insert(try call.value(1), at: place < 0 ? place + elements.count : place)
      return ONNXValue.sequence(elements)
    }
    add("ConcatFromSequence", since: 11) { call in
      let elements = try call.sequence(0), axis = try call.required(try call.int("axis"), "axis")
      guard try call.flag("new_axis") else { return try concatenated(call, elements, axis: axis) }
      let place = try call.wrapped(axis, (elements.first?.shape?.count ?? 0) + 1)
      return try concatenated(call, try elements.map { try $0.rearranged(call) { $0.unsqueeze(place) } }, axis: place)
    }
    add("SplitToSequence", since: 11, numbers: [1]) { call in
      let value = try call.value(0)
      guard let shape = value.shape else { throw call.failure("input 0 is \(value.summary), where a tensor is needed", .dtype) }
      let axis = try call.wrapped(try call.int("axis", 0), shape.count), extent = shape[axis]
      var lengths: [Int]
      var keepsDimension = true
      if call.has(1) {
        let sizes = try call.ints(1)
        if try call.tensor(1).rank == 0 {
          guard sizes[0] > 0 else { throw call.failure("parts of \(sizes[0])", .shape) }
          lengths = stride(from: 0, to: extent, by: sizes[0]).map { min(sizes[0], extent - $0) }
        } else {
          lengths = sizes
        }
      } else {
        lengths = Array(repeating: 1, count: extent)
        keepsDimension = try call.flag("keepdims", true)
      }
      guard lengths.allSatisfy({ $0 >= 0 && $0 <= extent }), lengths.reduce(0, +) == extent else {
        throw call.failure("parts of \(lengths) of dimension \(axis) of \(value.summary)", .shape)
      }
      var start = 0
      return ONNXValue.sequence(
        try lengths.map { length in
          defer { start += length }
          return try value.rearranged(call) { x in
            keepsDimension ? x.narrow(axis, start: start, length: length) : x.select(axis, start)
          }
        })
    }
  }
}

extension OperatorCall {
  /// An input that names an element of a list.
  fileprivate func position(_ i: Int, in count: Int) throws -> Int {
    let place = try int(i)
    guard place >= -count, place < count else { throw failure("position \(place) in a sequence of \(count)", .index) }
    return place < 0 ? place + count : place
  }

  fileprivate func lastPosition(_ count: Int) throws -> Int {
    guard count > 0 else { throw failure("the sequence is empty", .index) }
    return count - 1
  }
}
