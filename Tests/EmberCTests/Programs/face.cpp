// The C++ face: numbers, overloads, indexing, differentiation, ownership, models, errors.
//
//   face FOLDER    where perceptron.onnx and parts.onnx are
#include <ember.hpp>
#include <sstream>
#include <thread>

#include "check.h"

using ember::Tensor;

template <class T> static bool equal(const Tensor &tensor, const std::vector<int64_t> &sizes, const std::vector<T> &elements) {
  return tensor.sizes() == sizes && tensor.to_vector<T>() == elements;
}

template <class Body> static void throws(ember_status status, const char *text, Body body) {
  try {
    body();
    EXPECT(!"an error");
  } catch (const ember::Error &error) {
    EXPECT(error.status() == status);
    EXPECT(std::string(error.what()).find(text) != std::string::npos);
  }
}

static void making() {
  EXPECT(ember::tensor({1, 2}).dtype() == ember::kInt64);
  EXPECT(ember::tensor({1.5, 2.0}).dtype() == ember::kFloat32);
  EXPECT(ember::tensor({true, false}).dtype() == ember::kBool);
  EXPECT(ember::tensor({1, 2}, ember::kFloat64).dtype() == ember::kFloat64);
  EXPECT(ember::tensor(3).dim() == 0);
  EXPECT(ember::tensor(2.5).item<double>() == 2.5);
  EXPECT(equal<int64_t>(ember::tensor({{1, 2, 3}, {4, 5, 6}}), {2, 3}, {1, 2, 3, 4, 5, 6}));
  EXPECT(ember::tensor({{1.0}, {2.0}}, ember::requires_grad()).is_leaf());
  throws(EMBER_ERROR_SHAPE, "different lengths", [] { ember::tensor({{1, 2}, {3}}); });
  auto options = ember::dtype(ember::kFloat64).requires_grad(true);
  EXPECT(ember::zeros({2}, options).requires_grad() && ember::zeros({2}, options).dtype() == ember::kFloat64);
  EXPECT(equal<int64_t>(ember::arange(4), {4}, {0, 1, 2, 3}));
  EXPECT(equal<float>(ember::full({2}, 0.5), {2}, {0.5f, 0.5f}));
  EXPECT(ember::empty({0, 3}).numel() == 0);
  EXPECT(ember::ones({2}, ember::Device(ember::kMeta)).device().type() == ember::kMeta);
  float data[] = {1, 2, 3, 4};
  auto x = ember::from_blob(data, {2, 2});
  EXPECT(x.data_ptr<float>() == data);
  x += 1;
  EXPECT(data[0] == 1 && x[0][0].item<float>() == 2);
  throws(EMBER_ERROR_DTYPE, "another type", [&] { x.data_ptr<double>(); });
  ember::manual_seed(3);
  auto first = ember::randn({3});
  ember::manual_seed(3);
  EXPECT(ember::equal(first, ember::randn({3})));
  ember::Generator a(7), b(7);
  EXPECT(ember::equal(ember::ones({4}).mul(0.5).bernoulli(a), ember::ones({4}).mul(0.5).bernoulli(b)));
}

static void overloads() {
  auto x = ember::tensor({{3.0, 1.0}, {2.0, 4.0}});
  EXPECT(x.sum().item<float>() == 10);
  EXPECT(equal<float>(x.sum(0), {2}, {5, 5}));
  EXPECT(equal<float>(x.sum({0, 1}), {}, {10}));
  EXPECT(equal<float>(x.sum(1, true), {2, 1}, {4, 6}));
  EXPECT(x.sum(ember::None, false, ember::kFloat64).dtype() == ember::kFloat64);
  EXPECT(x.std(0).dim() == 1 && x.std(true).dim() == 0 && x.std().dim() == 0);
  auto [values, indices] = x.max(1);
  EXPECT(equal<float>(values, {2}, {3, 4}) && equal<int64_t>(indices, {2}, {0, 1}));
  EXPECT(equal<float>(x.max(ember::full({2, 2}, 2.0)), {2, 2}, {3, 2, 2, 4}));
  EXPECT(x.max().item<float>() == 4);
  EXPECT(equal<float>(x.clamp(2), {2, 2}, {3, 2, 2, 4}));
  EXPECT(equal<float>(x.clamp(ember::None, 2), {2, 2}, {2, 1, 2, 2}));
  EXPECT(equal<float>(x.pow(2), {2, 2}, {9, 1, 4, 16}));
  EXPECT(equal<float>(ember::pow(2, x), {2, 2}, {8, 2, 4, 16}));
  EXPECT(equal<float>(x.add(x, 2), {2, 2}, {9, 3, 6, 12}));
  EXPECT(equal<float>(x.div(2, "floor"), {2, 2}, {1, 0, 1, 2}));
  EXPECT(equal<float>(ember::cat({x, x}, 1)[0], {4}, {3, 1, 3, 1}));
  EXPECT(ember::split(x, 1).size() == 2);
  EXPECT(ember::einsum("ij,jk->ik", {x, x}).sizes() == (std::vector<int64_t>{2, 2}));
  EXPECT(equal<float>(ember::where(x > 2, x, ember::zeros_like(x)), {2, 2}, {3, 0, 0, 4}));
  EXPECT(ember::allclose(x, x + 1e-9) && !ember::equal(x, x + 1));
  auto image = ember::ones({1, 1, 3, 3});
  EXPECT(equal<float>(ember::conv2d(image, ember::ones({1, 1, 2, 2}), ember::None, 1, 1).index({0, 0, 0}), {4}, {1, 2, 2, 1}));
  // An operator that has no function of its own.
  auto padded = ember::call<Tensor>("torch.nn.functional.pad", {x, ember::IntList({1, 0}), {"value", 9}});
  EXPECT(equal<float>(padded, {2, 3}, {9, 3, 1, 9, 2, 4}));
}

static void operators() {
  auto x = ember::tensor({1.0, 2.0, 4.0});
  EXPECT(equal<float>(2 * x - 1, {3}, {1, 3, 7}));
  EXPECT(equal<float>(8 / x, {3}, {8, 4, 2}));
  EXPECT(equal<float>(-x + x * x, {3}, {0, 2, 12}));
  EXPECT((x * 2).dtype() == ember::kFloat32 && (2.5 * ember::arange(3)).dtype() == ember::kFloat32);
  EXPECT((1 + ember::tensor({1, 2}, ember::kUInt8)).dtype() == ember::kUInt8);
  EXPECT(equal<uint8_t>((x >= 2) & (x != 4), {3}, {0, 1, 0}));
  EXPECT(equal<uint8_t>(~(x == 2), {3}, {1, 0, 1}));
  auto y = x;
  y += 1;
  y *= x;
  EXPECT(equal<float>(y, {3}, {2, 6, 20}) && equal<float>(x, {3}, {1, 2, 4}));
  y.zero_().add_(3);
  EXPECT(equal<float>(y, {3}, {3, 3, 3}));
  auto z = ember::tensor(std::vector<std::complex<float>>{{1, 2}});
  EXPECT((z * std::complex<double>(0, 1))[0].item<std::complex<float>>() == std::complex<float>(-2, 1));
}

static void indexing() {
  using ember::Ellipsis, ember::None, ember::Slice;
  auto x = ember::arange(12).reshape({3, 4});
  EXPECT(equal<int64_t>(x[1], {4}, {4, 5, 6, 7}));
  EXPECT(x[-1][-1].item<int64_t>() == 11);
  EXPECT(equal<int64_t>(x.index({Slice(1, None), 0}), {2}, {4, 8}));
  EXPECT(equal<int64_t>(x.index({Ellipsis, Slice(None, None, 3)}), {3, 2}, {0, 3, 4, 7, 8, 11}));
  EXPECT(x.index({None, Slice(), None}).sizes() == (std::vector<int64_t>{1, 3, 1, 4}));
  EXPECT(equal<int64_t>(x.index({ember::tensor({2, 0}), ember::tensor({1, 1})}), {2}, {9, 1}));
  EXPECT(equal<int64_t>(x[x > 9], {2}, {10, 11}));
  auto y = x;
  y.index_put_({Slice(), 0}, ember::tensor({7, 8, 9}));
  y.index_put_({2, Slice(1, 3)}, -1);
  EXPECT(equal<int64_t>(y, {3, 4}, {7, 1, 2, 3, 8, 5, 6, 7, 9, -1, -1, 11}));
  EXPECT(x[0][0].item<int64_t>() == 0);
  throws(EMBER_ERROR_INDEX, "position 3", [&] { x[3]; });
  throws(EMBER_ERROR_INDEX, "no dimension 2", [&] { x.size(2); });
}

static void differentiation() {
  auto x = ember::tensor({1.0, 2.0, 3.0}).requires_grad_();
  EXPECT(!x.grad().defined());
  auto y = x.square().sum();
  y.backward();
  EXPECT(equal<float>(x.grad(), {3}, {2, 4, 6}));
  (x * 2).backward(ember::ones({3}));
  EXPECT(equal<float>(x.grad(), {3}, {4, 6, 8}));
  // What an optimizer does: the leaf and its gradient stay.
  {
    ember::NoGradGuard guard;
    EXPECT(!ember::GradMode::is_enabled() && !(x * 2).requires_grad());
    x -= 0.5 * x.grad();
    EXPECT(equal<float>(x.grad(), {3}, {4, 6, 8}));
    ember::AutoGradMode on(true);
    EXPECT((x * 2).requires_grad());
  }
  EXPECT(ember::GradMode::is_enabled() && x.is_leaf() && x.requires_grad());
  EXPECT(equal<float>(x, {3}, {-1, -1, -1}));
  x.zero_grad();
  EXPECT(!x.grad().defined());
  // Derivatives of derivatives.
  auto u = ember::tensor(3.0).requires_grad_();
  auto first = ember::autograd::grad({u * u * u}, {u}, {}, true, true)[0];
  auto second = ember::autograd::grad({first}, {u})[0];
  EXPECT(first.item<float>() == 27 && second.item<float>() == 18);
  EXPECT(!u.detach().requires_grad() && !u.grad().defined());
  throws(EMBER_ERROR_VALUE, "no recorded computation", [] { ember::ones({1}).sum().backward(); });
  bool other = false;
  ember::NoGradGuard guard;
  std::thread([&] { other = ember::GradMode::is_enabled(); }).join();
  EXPECT(other);
}

static void sparse() {
  auto x = ember::sparse_csr_tensor(ember::tensor({0, 2, 3}), ember::tensor({0, 2, 1}), ember::tensor({1.0, 2.0, 3.0}), {2, 3});
  EXPECT(x.layout() == EMBER_SPARSE_CSR && x.sizes() == (std::vector<int64_t>{2, 3}));
  EXPECT(equal<float>(x.to_dense(), {2, 3}, {1, 0, 2, 0, 3, 0}));
  EXPECT(equal<float>(ember::call<Tensor>("torch.sparse.mm", {x, ember::ones({3, 1})}), {2, 1}, {3, 3}));
  auto coordinates = ember::sparse_coo_tensor(ember::tensor({{0, 1}, {1, 1}}), ember::tensor({5.0, 6.0}), {2, 2});
  EXPECT(!coordinates.compressed_indices().defined() && equal<float>(coordinates.to_dense(), {2, 2}, {0, 5, 0, 6}));
  auto root = ember::call<ember::SparseTensor>("aten::abs", {coordinates});
  EXPECT(equal<float>(root.values(), {2}, {5, 6}));
}

static void models(const std::string &folder) {
  auto model = ember::Model::load(folder + "/perceptron.onnx");
  auto ports = model.inputs();
  EXPECT(ports.size() == 1 && ports[0].name == "x" && ports[0].dtype == ember::kFloat32 && ports[0].is_required);
  EXPECT(ports[0].sizes == (std::vector<int64_t>{-1, 4}) && model.outputs()[1].dtype == ember::kInt64);
  auto x = ember::tensor({{1.0, 2.0, 3.0, 4.0}, {-1.0, 0.5, 0.0, 2.0}});
  auto scores = model(x);
  // As onnx's reference evaluator computes them.
  auto expected = ember::tensor({{0.13892195, 4.6880364, 5.0417156}, {-0.9659395, 1.5732619, 3.0866477}});
  EXPECT(ember::allclose(scores, expected));
  auto outputs = model.run({{"x", x}});
  EXPECT(ember::equal(outputs.at("scores"), scores) && equal<int64_t>(outputs.at("label"), {2}, {2, 2}));
  EXPECT(model.forward({x}).size() == 2);
  throws(EMBER_ERROR_VALUE, "no input 'y'", [&] { model.run({{"y", x}}); });
  throws(EMBER_ERROR_FILE, "nothing.onnx", [] { ember::Model::load("nothing.onnx"); });
  // An input that is no tensor of numbers.
  throws(EMBER_ERROR_DTYPE, "'words' is string", [&] { ember::Model::load(folder + "/parts.onnx")(x, x); });
}

static void errors() {
  throws(EMBER_ERROR_SHAPE, "[matmul]", [] { ember::ones({2, 3}).matmul(ember::ones({2, 3})); });
  throws(EMBER_ERROR_NULL, "null", [] { Tensor().sizes(); });
  throws(EMBER_ERROR_VALUE, "tuple", [] { ember::call<std::tuple<Tensor, Tensor>>("aten::abs", {ember::ones({1})}); });
  throws(EMBER_ERROR_VALUE, "no list", [] { ember::call<std::vector<Tensor>>("aten::abs", {ember::ones({1})}); });
  std::ostringstream stream;
  stream << ember::tensor({1, 2}) << Tensor();
  EXPECT(stream.str() == "tensor([1, 2])[ undefined tensor ]");
}

int main(int count, char **arguments) {
  if (count != 2) return 2;
  try {
    making();
    overloads();
    operators();
    indexing();
    differentiation();
    sparse();
    models(arguments[1]);
    errors();
  } catch (const ember::Error &error) {
    printf("%s\n", error.what());
    ++failures;
  }
  EXPECT(handle_count() == 0);
  printf("%d failures\n", failures);
  return failures != 0;
}
