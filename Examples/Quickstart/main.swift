import Ember

manualSeed(0)
let model = Sequential { Linear(2, 16); Tanh(); Linear(16, 2) }
let optimizer = Adam(model.parameters(), learningRate: 0.01)

// Which points of a cloud lie inside of the unit circle?
let points = Tensor.randn([512, 2])
let inside = (points.square().sum(1) .< 1).to(.int64)

for step in 1...200 {
  optimizer.zeroGrad()
  let loss = model(points).crossEntropy(inside)
  loss.backward()
  optimizer.step()
  if step % 50 == 0 { print("step \(step): loss \(loss.item())") }
}
print("accuracy \((model(points).argmax(1) .== inside).to(.float32).mean().item())")
