// Street segmentation with an exported .tflite file, in one header. C++17; link with libLiteRt.so, nothing else.
//
//   contextnet::Segmenter segmenter("model.tflite");
//   contextnet::Labels labels = segmenter.segment({pixels, height, width});
//
// The labels equal those of Python's `Segmenter.segment` at every pixel: same runtime, same resizing, same rounding.
// docs/cpp.md shows how to build a program with it.

#ifndef CONTEXTNET_HPP
#define CONTEXTNET_HPP

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <exception>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#ifdef __FAST_MATH__
#error "contextnet.hpp needs IEEE arithmetic: compile without -ffast-math, which rounds ties another way"
#endif
static_assert(FLT_EVAL_METHOD == 0, "contextnet.hpp needs float arithmetic in float: on 32-bit x86, -mfpmath=sse");

// A product and a sum may not become one fused operation, which rounds once where TensorFlow and OpenCV round twice.
// GCC fuses by default where the processor can (always on aarch64).
#if defined(__clang__)
#pragma float_control(push)
#pragma clang fp contract(off)
#elif defined(__GNUC__)
#pragma GCC push_options
#pragma GCC optimize("fp-contract=off")
#elif defined(_MSC_VER)
#pragma float_control(push)
#pragma fp_contract(off)
#endif

namespace contextnet {

// The part of LiteRT's C API that is used here, as libLiteRt.so of LiteRT 2.3 exports it. Do not include LiteRT's own
// headers in the same source file: they declare the same functions with types of their own.
namespace litert {

using Status = int;  // 0 is success
constexpr int kCpu = 1;  // bit of the hardware that a model is compiled for
constexpr int kFloat32 = 1, kUInt8 = 3, kInt8 = 9;  // element types
constexpr int kPerTensor = 1;  // one scale and zero point for a whole tensor
constexpr int kHardwareTag = 24, kLogSeverityTag = 25;  // options of an environment
constexpr int kInteger = 2;                             // type of an option's value
constexpr int kErrors = 3;                              // log severity
constexpr std::size_t kAlignment = 64;  // of memory that a tensor is bound to

struct RankedType {
  int element;
  unsigned int rank : 7;
  bool has_strides : 1;
  std::int32_t dimensions[8];
  std::uint32_t strides[8];
};
static_assert(sizeof(RankedType) == 72, "LiteRT passes a tensor's type in 72 bytes");

struct EnvironmentOption {
  int tag;
  int type alignas(8);
  std::int64_t value;
};
static_assert(sizeof(EnvironmentOption) == 24, "LiteRT reads an option in 24 bytes");

struct Quantization {
  float scale;
  std::int64_t zero_point;
};

extern "C" {
struct LiteRtEnvironmentT;
struct LiteRtModelT;
struct LiteRtSignatureT;
struct LiteRtTensorT;
struct LiteRtOptionsT;
struct LiteRtOpaqueOptionsT;
struct LiteRtCompiledModelT;
struct LiteRtTensorBufferT;

Status LiteRtCreateEnvironment(int num_options, const EnvironmentOption* options,
                               LiteRtEnvironmentT** environment);
void LiteRtDestroyEnvironment(LiteRtEnvironmentT* environment);

Status LiteRtCreateModelFromBuffer(LiteRtEnvironmentT* environment, const void* content, std::size_t size,
                                   LiteRtModelT** model);
void LiteRtDestroyModel(LiteRtModelT* model);
Status LiteRtGetNumModelSignatures(LiteRtModelT* model, std::size_t* count);
Status LiteRtGetModelSignature(LiteRtModelT* model, std::size_t index, LiteRtSignatureT** signature);
Status LiteRtGetNumSignatureInputs(LiteRtSignatureT* signature, std::size_t* count);
Status LiteRtGetNumSignatureOutputs(LiteRtSignatureT* signature, std::size_t* count);
Status LiteRtGetSignatureInputTensorByIndex(LiteRtSignatureT* signature, std::size_t index, LiteRtTensorT** tensor);
Status LiteRtGetSignatureOutputTensorByIndex(LiteRtSignatureT* signature, std::size_t index, LiteRtTensorT** tensor);
Status LiteRtGetRankedTensorType(LiteRtTensorT* tensor, RankedType* type);
Status LiteRtGetQuantizationTypeId(LiteRtTensorT* tensor, int* type);
Status LiteRtGetPerTensorQuantization(LiteRtTensorT* tensor, Quantization* quantization);

Status LiteRtCreateOptions(LiteRtOptionsT** options);
void LiteRtDestroyOptions(LiteRtOptionsT* options);
Status LiteRtSetOptionsHardwareAccelerators(LiteRtOptionsT* options, int hardware);
Status LiteRtCreateOpaqueOptions(const char* identifier, void* payload, void (*destroy)(void*),
                                 LiteRtOpaqueOptionsT** options);
void LiteRtDestroyOpaqueOptions(LiteRtOpaqueOptionsT* options);
Status LiteRtAddOpaqueOptions(LiteRtOptionsT* options, LiteRtOpaqueOptionsT* added);

Status LiteRtCreateCompiledModel(LiteRtEnvironmentT* environment, LiteRtModelT* model, LiteRtOptionsT* options,
                                 LiteRtCompiledModelT** compiled);
void LiteRtDestroyCompiledModel(LiteRtCompiledModelT* compiled);
Status LiteRtRunCompiledModel(LiteRtCompiledModelT* compiled, std::size_t signature, std::size_t num_inputs,
                              LiteRtTensorBufferT** inputs, std::size_t num_outputs, LiteRtTensorBufferT** outputs);

Status LiteRtCreateTensorBufferFromHostMemory(const RankedType* type, void* memory, std::size_t size,
                                              void (*destroy)(void*), LiteRtTensorBufferT** buffer);
void LiteRtDestroyTensorBuffer(LiteRtTensorBufferT* buffer);
}

}  // namespace litert

// What every function here throws: a file, an image or a setting that cannot be used, and why.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Size {
  int height = 0, width = 0;
};

// An image of somebody else: uint8 [height, width, 3], RGB. `stride` is the bytes from row to row, 0 for 3 * width.
struct ImageView {
  const std::uint8_t* pixels = nullptr;
  int height = 0, width = 0;
  std::size_t stride = 0;
};

// An image with its own memory: uint8 [height, width, 3], RGB, row after row.
struct Image {
  int height = 0, width = 0;
  std::vector<std::uint8_t> pixels;

  operator ImageView() const;  // throws Error where `pixels` are not 3 * height * width bytes
};

// Train ids uint8 [height, width], row after row.
struct Labels {
  int height = 0, width = 0;
  std::vector<std::uint8_t> ids;

  std::uint8_t operator()(int y, int x) const { return ids[static_cast<std::size_t>(y) * width + x]; }
};

// How an image of another size is brought to the file's.
enum class ResizeMode {
  automatic,  // padded where it is smaller by less than the network's size multiple, otherwise resized
  resize,     // always resized
  pad,        // always padded; a larger image is refused
};

struct Options {
  int num_threads = 1;  // that LiteRT gives one image
  ResizeMode resize_mode = ResizeMode::automatic;
};

namespace detail {

inline bool has_pixels(const ImageView& image) {
  return image.pixels != nullptr && image.height > 0 && image.width > 0;
}

inline std::string text(Size size) { return std::to_string(size.height) + " x " + std::to_string(size.width); }

// ---------------------------------------------------------------------------------------------------------------
// Upsampling with arg-max. contextnet_tf/deployment/upsample.py derives why it is exact: where one class leads at all
// four corners of a cell by more than the rounding error, it leads at every pixel between them. Other cells are
// computed in TensorFlow's order of operations; of equal classes the lowest wins.

constexpr int kSide = 8;  // a cell is cut into tiles of at most this many pixels a side, each computed whole

// The pixels of one axis, cut into tiles that lie between two neighboring logits.
struct Axis {
  std::vector<int> lower, upper;  // the logits on either side
  std::vector<int> start, count;  // the tile's first pixel, and how many it has
  std::vector<float> weights;     // [tiles, kSide], of `upper`
};

inline Axis make_axis(int small, int large) {
  Axis axis;
  const float scale = static_cast<float>(small) / static_cast<float>(large);
  float cell = 0;
  for (int pixel = 0; pixel < large; ++pixel) {
    const float position = (static_cast<float>(pixel) + 0.5f) * scale - 0.5f;
    const float floor = std::floor(position);
    if (pixel == 0 || floor != cell || axis.count.back() == kSide) {
      cell = floor;
      const int lower = static_cast<int>(floor);
      axis.lower.push_back(std::max(lower, 0));
      axis.upper.push_back(std::min(lower + 1, small - 1));
      axis.start.push_back(pixel);
      axis.count.push_back(0);
      axis.weights.resize(axis.weights.size() + kSide, 0.0f);
    }
    axis.weights[axis.weights.size() - kSide + static_cast<std::size_t>(axis.count.back()++)] = position - floor;
  }
  return axis;
}

// The class that leads at each of `pixels` logits; its complement where by `margin` or less.
inline void find_leaders(const float* logits, std::size_t pixels, int classes, float margin, std::int16_t* leaders) {
  for (std::size_t pixel = 0; pixel < pixels; ++pixel, logits += classes) {
    float first = logits[0], second = -std::numeric_limits<float>::infinity();
    int leader = 0;
    for (int index = 1; index < classes; ++index) {
      const float value = logits[index];
      second = std::max(second, std::min(first, value));
      leader = value > first ? index : leader;
      first = std::max(first, value);
    }
    leaders[pixel] = static_cast<std::int16_t>(first - second > margin ? leader : ~leader);
  }
}

struct Corners {
  const float *top_left, *top_right, *bottom_left, *bottom_right;
};

// Writes the classes that neither `first` nor `last` beats at all four corners into `found`; returns how many.
inline int find_unbeaten(const Corners& corners, int classes, float margin, int first, int last, int* found) {
  const auto [a, b, c, d] = corners;
  const float a1 = a[first] - margin, b1 = b[first] - margin, c1 = c[first] - margin, d1 = d[first] - margin;
  const float a2 = a[last] - margin, b2 = b[last] - margin, c2 = c[last] - margin, d2 = d[last] - margin;
  int count = 0;
  for (int index = 0; index < classes; ++index) {
    // Without branches, which would be taken at random.
    const bool by_first = (a[index] < a1) & (b[index] < b1) & (c[index] < c1) & (d[index] < d1);
    const bool by_last = (a[index] < a2) & (b[index] < b2) & (c[index] < c2) & (d[index] < d2);
    found[count] = index;
    count += !(by_first | by_last);
  }
  return count;
}

// Arg-max over `count` of the classes at each pixel of a tile, into `band`, whose rows are `stride` apart.
inline void interpolate_tile(const Corners& corners, const int* classes, int count, const float* x_weights,
                             const float* y_weights, std::uint8_t* band, std::size_t stride) {
  float best[kSide * kSide];
  std::int32_t winner[kSide * kSide];
  for (int index = 0; index < count; ++index) {
    const int label = classes[index];
    const float left = corners.top_left[label], right = corners.top_right[label] - left;
    const float low_left = corners.bottom_left[label], low_right = corners.bottom_right[label] - low_left;
    float top[kSide], slope[kSide];
    for (int x = 0; x < kSide; ++x) {  // TensorFlow's formula in its order: along x, then along y
      top[x] = left + right * x_weights[x];
      slope[x] = (low_left + low_right * x_weights[x]) - top[x];
    }
    for (int y = 0; y < kSide; ++y) {
      float* const row = best + y * kSide;
      std::int32_t* const row_winner = winner + y * kSide;
      if (index == 0) {
        for (int x = 0; x < kSide; ++x) {
          row[x] = top[x] + slope[x] * y_weights[y];
          row_winner[x] = label;
        }
        continue;
      }
      for (int x = 0; x < kSide; ++x) {
        const float value = top[x] + slope[x] * y_weights[y];
        row_winner[x] = value > row[x] ? label : row_winner[x];
        row[x] = value > row[x] ? value : row[x];
      }
    }
  }
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) band[y * stride + x] = static_cast<std::uint8_t>(winner[y * kSide + x]);
  }
}

// Memory that a thread keeps from image to image.
struct Scratch {
  std::vector<float> logits;
  std::vector<std::int16_t> leaders;
  std::vector<std::uint8_t> band;
};

inline void first_maxima(const float* logits, std::size_t pixels, int classes, std::uint8_t* labels) {
  for (std::size_t pixel = 0; pixel < pixels; ++pixel, logits += classes) {
    labels[pixel] = static_cast<std::uint8_t>(std::max_element(logits, logits + classes) - logits);
  }
}

// Labels of `logits` [small, classes] upsampled to `full`, of which the upper left `wanted` pixels are written.
inline void upsample_argmax(const float* logits, Size small, int classes, Size full, Size wanted, Scratch& scratch,
                            std::uint8_t* labels) {
  const std::size_t cells = static_cast<std::size_t>(small.height) * small.width;
  if (full.height == small.height && full.width == small.width) {
    for (int y = 0; y < wanted.height; ++y) {
      first_maxima(logits + static_cast<std::size_t>(y) * small.width * classes, wanted.width, classes,
                   labels + static_cast<std::size_t>(y) * wanted.width);
    }
    return;
  }
  const auto [least, most] = std::minmax_element(logits, logits + cells * classes);
  const double largest = std::max(static_cast<double>(*most), -static_cast<double>(*least));
  const float margin = static_cast<float>(24 * std::ldexp(1.0, -24) * largest + 1e-36);
  scratch.leaders.resize(cells);
  find_leaders(logits, cells, classes, margin, scratch.leaders.data());

  const Axis rows = make_axis(small.height, full.height), columns = make_axis(small.width, full.width);
  // A row of tiles. Each is written whole; what is too much of it is overwritten by the next, or not copied.
  const std::size_t stride = static_cast<std::size_t>(full.width) + kSide;
  scratch.band.resize(kSide * stride);
  std::uint8_t* const band = scratch.band.data();
  int unbeaten[256];
  for (std::size_t row = 0; row < rows.start.size() && rows.start[row] < wanted.height; ++row) {
    const std::size_t top = static_cast<std::size_t>(rows.lower[row]) * small.width;
    const std::size_t bottom = static_cast<std::size_t>(rows.upper[row]) * small.width;
    for (std::size_t column = 0; column < columns.start.size() && columns.start[column] < wanted.width; ++column) {
      const std::size_t corners[4] = {top + columns.lower[column], top + columns.upper[column],
                                      bottom + columns.lower[column], bottom + columns.upper[column]};
      const int first = scratch.leaders[corners[0]], last = scratch.leaders[corners[3]];
      std::uint8_t* const tile = band + columns.start[column];
      if (first >= 0 && first == last && first == scratch.leaders[corners[1]] && first == scratch.leaders[corners[2]]) {
        for (int y = 0; y < kSide; ++y) std::memset(tile + y * stride, first, kSide);
        continue;
      }
      const Corners values = {logits + corners[0] * classes, logits + corners[1] * classes,
                              logits + corners[2] * classes, logits + corners[3] * classes};
      const int count =
          find_unbeaten(values, classes, margin, std::max(first, ~first), std::max(last, ~last), unbeaten);
      interpolate_tile(values, unbeaten, count, &columns.weights[column * kSide], &rows.weights[row * kSide], tile,
                       stride);
    }
    const int height = std::min(rows.count[row], wanted.height - rows.start[row]);
    for (int y = 0; y < height; ++y) {
      std::memcpy(labels + (static_cast<std::size_t>(rows.start[row]) + y) * wanted.width, band + y * stride,
                  static_cast<std::size_t>(wanted.width));
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------
// Resizing, to the same pixels as OpenCV 5.0 makes on x86: contextnet_tf/deployment/resizing.py calls it.

inline const std::uint8_t* row_of(const ImageView& image, int y) {
  return image.pixels + static_cast<std::size_t>(y) * image.stride;
}

inline std::uint8_t rounded(float value) {  // to the nearest, halves to the even one
  return static_cast<std::uint8_t>(std::min(std::max(std::nearbyint(value), 0.0f), 255.0f));
}

// The image extended at its lower and right edge by repeating its last row and column.
inline void pad_image(const ImageView& image, Size size, std::uint8_t* out) {
  const std::size_t row_bytes = 3 * static_cast<std::size_t>(size.width);
  for (int y = 0; y < size.height; ++y, out += row_bytes) {
    if (y >= image.height) {
      std::memcpy(out, out - row_bytes, row_bytes);
      continue;
    }
    std::memcpy(out, row_of(image, y), 3 * static_cast<std::size_t>(image.width));
    for (std::uint8_t* pixel = out + 3 * image.width; pixel < out + row_bytes; ++pixel) *pixel = pixel[-3];
  }
}

// cv::INTER_LINEAR: weights of 11 bits.
struct LinearAxis {
  std::vector<int> lower, upper, lower_weight, upper_weight;
};

inline LinearAxis linear_axis(int old_length, int new_length, bool clamp_weights) {
  const double scale = 1.0 / (static_cast<double>(new_length) / old_length);
  LinearAxis axis;
  for (int i = 0; i < new_length; ++i) {
    const float position = static_cast<float>((i + 0.5) * scale - 0.5);
    int lower = static_cast<int>(std::floor(position));
    float weight = position - static_cast<float>(lower);
    if (clamp_weights && (lower < 0 || lower >= old_length - 1)) weight = 0;
    axis.lower.push_back(std::min(std::max(lower, 0), old_length - 1));
    axis.upper.push_back(std::min(std::max(lower + 1, 0), old_length - 1));
    axis.lower_weight.push_back(static_cast<int>(std::nearbyint((1.0f - weight) * 2048.0f)));
    axis.upper_weight.push_back(static_cast<int>(std::nearbyint(weight * 2048.0f)));
  }
  return axis;
}

inline void resize_linear(const ImageView& image, Size size, std::uint8_t* out) {
  const LinearAxis columns = linear_axis(image.width, size.width, true);
  const LinearAxis rows = linear_axis(image.height, size.height, false);
  const std::size_t row_length = 3 * static_cast<std::size_t>(size.width);
  std::vector<int> lines[2] = {std::vector<int>(row_length), std::vector<int>(row_length)};
  int line_rows[2] = {-1, -1};  // the image rows that are in `lines`
  const auto line = [&](int y) -> const std::vector<int>& {
    std::vector<int>& values = lines[y & 1];
    if (line_rows[y & 1] != y) {
      line_rows[y & 1] = y;
      const std::uint8_t* const pixels = row_of(image, y);
      for (std::size_t x = 0; x < static_cast<std::size_t>(size.width); ++x) {
        for (int channel = 0; channel < 3; ++channel) {
          values[3 * x + channel] = pixels[3 * columns.lower[x] + channel] * columns.lower_weight[x] +
                                    pixels[3 * columns.upper[x] + channel] * columns.upper_weight[x];
        }
      }
    }
    return values;
  };
  for (int y = 0; y < size.height; ++y, out += row_length) {
    const std::vector<int>&top = line(rows.lower[y]), &bottom = line(rows.upper[y]);
    for (std::size_t i = 0; i < row_length; ++i) {
      const int upper_part = (rows.lower_weight[y] * (top[i] >> 4)) >> 16;
      const int lower_part = (rows.upper_weight[y] * (bottom[i] >> 4)) >> 16;
      out[i] = static_cast<std::uint8_t>(std::min(std::max((upper_part + lower_part + 2) >> 2, 0), 255));
    }
  }
}

// cv::INTER_AREA where both sides shrink by whole factors.
inline void resize_area_whole(const ImageView& image, Size size, std::uint8_t* out) {
  const int y_factor = image.height / size.height, x_factor = image.width / size.width;
  const float share = 1.0f / static_cast<float>(y_factor * x_factor);
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      for (int channel = 0; channel < 3; ++channel) {
        int sum = 0;
        for (int dy = 0; dy < y_factor; ++dy) {
          const std::uint8_t* const pixels = row_of(image, y * y_factor + dy) + channel;
          for (int dx = 0; dx < x_factor; ++dx) sum += pixels[3 * (static_cast<std::size_t>(x) * x_factor + dx)];
        }
        *out++ = y_factor == 2 && x_factor == 2 ? static_cast<std::uint8_t>((sum + 2) >> 2)
                                                : rounded(static_cast<float>(sum) * share);
      }
    }
  }
}

struct AreaShare {
  int target, source;
  float weight;
};

inline std::vector<AreaShare> area_axis(int old_length, int new_length) {
  const double scale = 1.0 / (static_cast<double>(new_length) / old_length);
  std::vector<AreaShare> shares;
  for (int i = 0; i < new_length; ++i) {
    const double begin = i * scale, end = begin + scale, length = std::min(scale, old_length - begin);
    const int last = std::min(static_cast<int>(std::floor(end)), old_length - 1);
    const int first = std::min(static_cast<int>(std::ceil(begin)), last);
    if (first - begin > 1e-3) shares.push_back({i, first - 1, static_cast<float>((first - begin) / length)});
    for (int k = first; k < last; ++k) shares.push_back({i, k, static_cast<float>(1.0 / length)});
    if (end - last > 1e-3) {
      shares.push_back({i, last, static_cast<float>(std::min(std::min(end - last, 1.0), length) / length)});
    }
  }
  return shares;
}

// cv::INTER_AREA of other factors, in float as OpenCV sums: along x, then along y.
inline void resize_area(const ImageView& image, Size size, std::uint8_t* out) {
  const std::vector<AreaShare> columns = area_axis(image.width, size.width);
  const std::size_t row_length = 3 * static_cast<std::size_t>(size.width);
  std::vector<float> line(row_length), sum(row_length);
  int target = -1;
  const auto write = [&] {
    for (std::size_t i = 0; i < row_length; ++i) out[i] = rounded(sum[i]);
    out += row_length;
  };
  for (const AreaShare& row : area_axis(image.height, size.height)) {
    std::fill(line.begin(), line.end(), 0.0f);
    const std::uint8_t* const pixels = row_of(image, row.source);
    for (const AreaShare& share : columns) {
      for (int channel = 0; channel < 3; ++channel) {
        line[3 * static_cast<std::size_t>(share.target) + channel] +=
            static_cast<float>(pixels[3 * static_cast<std::size_t>(share.source) + channel]) * share.weight;
      }
    }
    if (row.target != target) {
      if (target >= 0) write();
      target = row.target;
      for (std::size_t i = 0; i < row_length; ++i) sum[i] = row.weight * line[i];
    } else {
      for (std::size_t i = 0; i < row_length; ++i) sum[i] += row.weight * line[i];
    }
  }
  write();
}

inline void resize_image(const ImageView& image, Size size, std::uint8_t* out) {
  if (image.height < size.height || image.width < size.width) return resize_linear(image, size, out);
  if (image.height % size.height == 0 && image.width % size.width == 0) return resize_area_whole(image, size, out);
  resize_area(image, size, out);
}

// cv::INTER_NEAREST_EXACT: the pixel of the old axis for each of the new one.
inline std::vector<int> nearest_axis(int old_length, int new_length) {
  const double scale = static_cast<double>(old_length) / new_length;
  std::vector<int> places;
  double position = 0.5 * scale;
  for (int i = 0; i < new_length; ++i, position += scale) {
    places.push_back(std::min(static_cast<int>(std::floor(position)), old_length - 1));
  }
  return places;
}

inline void resize_labels(const std::uint8_t* labels, Size old_size, Size size, std::uint8_t* out) {
  const std::vector<int> rows = nearest_axis(old_size.height, size.height);
  const std::vector<int> columns = nearest_axis(old_size.width, size.width);
  for (const int row : rows) {
    for (const int column : columns) *out++ = labels[static_cast<std::size_t>(row) * old_size.width + column];
  }
}

// ---------------------------------------------------------------------------------------------------------------
// LiteRT's objects, destroyed by themselves.

template <auto destroy>
struct Destroy {
  template <typename Object>
  void operator()(Object* object) const {
    destroy(object);
  }
};
using Environment = std::unique_ptr<litert::LiteRtEnvironmentT, Destroy<litert::LiteRtDestroyEnvironment>>;
using Model = std::unique_ptr<litert::LiteRtModelT, Destroy<litert::LiteRtDestroyModel>>;
using CompileOptions = std::unique_ptr<litert::LiteRtOptionsT, Destroy<litert::LiteRtDestroyOptions>>;
using Compiled = std::unique_ptr<litert::LiteRtCompiledModelT, Destroy<litert::LiteRtDestroyCompiledModel>>;
using Buffer = std::unique_ptr<litert::LiteRtTensorBufferT, Destroy<litert::LiteRtDestroyTensorBuffer>>;

inline void check(litert::Status status, const std::string& path, const char* what) {
  if (status == 0) return;
  const char* reason = status == 1     ? "invalid argument"
                       : status == 2   ? "out of memory"
                       : status == 5   ? "unsupported"
                       : status == 500 ? "cannot be read"
                       : status == 501 ? "damaged"
                       : status == 504 ? "compilation failed"
                                       : "failed";
  throw Error(path + ": cannot be used (" + what + ": " + reason + ", LiteRT status " + std::to_string(status) +
              "); export the network again");
}

inline std::string text(const litert::RankedType& type) {
  std::string name = type.element == litert::kFloat32 ? "float32"
                     : type.element == litert::kUInt8 ? "uint8"
                     : type.element == litert::kInt8  ? "int8"
                                                      : "type " + std::to_string(type.element);
  name += " [";
  for (unsigned int i = 0; i < type.rank; ++i) name += (i ? ", " : "") + std::to_string(type.dimensions[i]);
  return name + "]";
}

inline std::size_t bytes_of(const litert::RankedType& type) {
  std::size_t bytes = type.element == litert::kFloat32 ? 4 : 1;
  for (unsigned int i = 0; i < type.rank; ++i) bytes *= static_cast<std::size_t>(type.dimensions[i]);
  return bytes;
}

inline std::vector<char> read_bytes(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) throw Error(path + ": cannot be opened; name a .tflite file that the export wrote");
  std::vector<char> content;
  try {
    content.assign(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
  } catch (const std::ios_base::failure&) {
    content.clear();  // a folder opens, but cannot be read
  }
  if (content.empty()) throw Error(path + ": cannot be read or is empty; name a .tflite file that the export wrote");
  return content;
}

// The number behind a key of JSON as Python's json writes it; `otherwise` where the key is missing.
inline int number_in(const std::string& json, const std::string& key, int otherwise) {
  const std::string quoted = "\"" + key + "\":";
  const std::size_t place = json.find(quoted);
  return place == std::string::npos ? otherwise : std::atoi(json.c_str() + place + quoted.size());
}

// The text of the JSON beside the file model.tflite, model.json; empty where there is none.
inline std::string read_metadata(const std::string& path) {
  const std::size_t slash = path.find_last_of("/\\"), dot = path.find_last_of('.');
  const bool has_suffix = dot != std::string::npos && (slash == std::string::npos || dot > slash);
  const std::string beside = (has_suffix ? path.substr(0, dot) : path) + ".json";
  std::ifstream stream(beside);
  if (!stream) return "";
  const std::string json{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  // Version 0.1 called an image a picture.
  if (json.find("\"image\": {") == std::string::npos && json.find("\"picture\": {") == std::string::npos) {
    throw Error(beside + ": does not describe an exported network; move it to another folder, or export again");
  }
  return json;
}

// A .tflite file, read and checked once, whatever the number of threads that run it.
struct File {
  explicit File(const std::string& given) : path(given), content(read_bytes(path)) {
    if (content.size() < 8 || std::memcmp(content.data() + 4, "TFL3", 4) != 0) {
      throw Error(path + ": is not a TFLite file; name a .tflite file that the export wrote");
    }
    litert::LiteRtEnvironmentT* new_environment = nullptr;
    // Without these LiteRT looks for libraries of GPUs and NPUs, and writes a dozen lines to standard error.
    const litert::EnvironmentOption options[] = {{litert::kHardwareTag, litert::kInteger, litert::kCpu},
                                                 {litert::kLogSeverityTag, litert::kInteger, litert::kErrors}};
    check(litert::LiteRtCreateEnvironment(2, options, &new_environment), path, "starting LiteRT");
    environment.reset(new_environment);
    litert::LiteRtModelT* new_model = nullptr;
    check(litert::LiteRtCreateModelFromBuffer(environment.get(), content.data(), content.size(), &new_model), path,
          "reading");
    model.reset(new_model);
    read_signature();
    size = {input.dimensions[1], input.dimensions[2]};
    small = {output.dimensions[1], output.dimensions[2]};
    gives_labels = output.rank == 3;
    const std::string metadata = read_metadata(path);
    // Labels alone do not say how many classes there are, nor the sizes what they must be divisible by.
    num_classes = gives_labels ? number_in(metadata, "num_classes", 256) : output.dimensions[3];
    size_multiple = number_in(metadata, "size_multiple", size.height / small.height);
  }

  std::string path;
  std::vector<char> content;  // LiteRT reads it as long as the model lives
  Environment environment;
  Model model;
  litert::RankedType input{}, output{};
  litert::Quantization quantization{0, 0};  // of the output; scale 0 where it is none
  Size size, small;
  bool gives_labels = false;
  int num_classes = 0, size_multiple = 1;

 private:
  void read_signature() {
    std::size_t signatures = 0, inputs = 0, outputs = 0;
    litert::LiteRtSignatureT* signature = nullptr;
    check(litert::LiteRtGetNumModelSignatures(model.get(), &signatures), path, "reading signatures");
    if (signatures == 0) throw Error(path + ": has no signature; export the network again");
    check(litert::LiteRtGetModelSignature(model.get(), 0, &signature), path, "reading the signature");
    check(litert::LiteRtGetNumSignatureInputs(signature, &inputs), path, "reading the inputs");
    check(litert::LiteRtGetNumSignatureOutputs(signature, &outputs), path, "reading the outputs");
    if (inputs != 1 || outputs != 1) {
      throw Error(path + ": takes " + std::to_string(inputs) + " tensors and gives " + std::to_string(outputs) +
                  "; a segmentation file takes one and gives one");
    }
    litert::LiteRtTensorT *image = nullptr, *result = nullptr;
    check(litert::LiteRtGetSignatureInputTensorByIndex(signature, 0, &image), path, "reading the input");
    check(litert::LiteRtGetSignatureOutputTensorByIndex(signature, 0, &result), path, "reading the output");
    check(litert::LiteRtGetRankedTensorType(image, &input), path, "reading the input's type");
    check(litert::LiteRtGetRankedTensorType(result, &output), path, "reading the output's type");
    int kind = 0;
    check(litert::LiteRtGetQuantizationTypeId(result, &kind), path, "reading the output's quantization");
    if (kind == litert::kPerTensor) {
      check(litert::LiteRtGetPerTensorQuantization(result, &quantization), path, "reading the output's quantization");
    }
    if (!is_segmentation()) {
      throw Error(path + ": takes " + text(input) + " and gives " + text(output) +
                  "; a segmentation file takes uint8 [1, H, W, 3] and gives float32 or quantized "
                  "[1, H/f, W/f, classes], or labels uint8 [1, H, W]");
    }
  }

  bool is_segmentation() const {
    const std::int32_t *in = input.dimensions, *out = output.dimensions;
    if (input.element != litert::kUInt8 || input.rank != 4 || in[0] != 1 || in[1] < 1 || in[2] < 1 || in[3] != 3) {
      return false;
    }
    if (output.rank == 3) {
      return output.element == litert::kUInt8 && out[0] == 1 && out[1] == in[1] && out[2] == in[2];
    }
    const bool quantized =
        (output.element == litert::kUInt8 || output.element == litert::kInt8) && quantization.scale > 0;
    if (output.rank != 4 || !(quantized || output.element == litert::kFloat32)) return false;
    if (out[0] != 1 || out[1] < 1 || out[2] < 1 || out[3] < 1 || out[3] > 256) return false;
    const bool same_factor = static_cast<std::int64_t>(in[1]) * out[2] == static_cast<std::int64_t>(in[2]) * out[1];
    return same_factor && in[1] % out[1] == 0;
  }
};

// Memory aligned for LiteRT. A few bytes more than asked: XNNPACK may read past a tensor's end.
class AlignedBytes {
 public:
  explicit AlignedBytes(std::size_t size)
      : size_((size + 2 * litert::kAlignment - 1) / litert::kAlignment * litert::kAlignment),
        bytes_(static_cast<std::uint8_t*>(::operator new(size_, std::align_val_t(litert::kAlignment)))) {
    std::memset(bytes_.get(), 0, size_);
  }
  std::uint8_t* data() const { return bytes_.get(); }
  std::size_t size() const { return size_; }

 private:
  struct Free {
    void operator()(std::uint8_t* bytes) const { ::operator delete(bytes, std::align_val_t(litert::kAlignment)); }
  };
  std::size_t size_;
  std::unique_ptr<std::uint8_t, Free> bytes_;
};

// Runs the network on one image at a time, with XNNPACK.
class Engine {
 public:
  Engine(const File& file, int num_threads)
      : file_(file), input_(bytes_of(file.input)), output_(bytes_of(file.output)) {
    compile(num_threads);
    input_buffer_ = buffer(file.input, input_);
    output_buffer_ = buffer(file.output, output_);
  }

  std::uint8_t* image() const { return input_.data(); }  // uint8 [H, W, 3] of the file's size, to be written

  // Labels of the image that was written, for a view that was fitted to it by padding or not.
  void segment(const ImageView& view, bool padded, std::uint8_t* labels) {
    litert::LiteRtTensorBufferT *inputs[] = {input_buffer_.get()}, *outputs[] = {output_buffer_.get()};
    check(litert::LiteRtRunCompiledModel(compiled_.get(), 0, 1, inputs, 1, outputs), file_.path, "running");
    const Size size = {view.height, view.width};
    if (file_.gives_labels) {
      if (!padded) return resize_labels(output_.data(), file_.size, size, labels);
      for (int y = 0; y < size.height; ++y) {
        std::memcpy(labels + static_cast<std::size_t>(y) * size.width,
                    output_.data() + static_cast<std::size_t>(y) * file_.size.width,
                    static_cast<std::size_t>(size.width));
      }
      return;
    }
    upsample_argmax(logits(), file_.small, file_.num_classes, padded ? file_.size : size, size, scratch_, labels);
  }

 private:
  void compile(int num_threads) {
    litert::LiteRtOptionsT* new_options = nullptr;
    check(litert::LiteRtCreateOptions(&new_options), file_.path, "setting options");
    options_.reset(new_options);
    check(litert::LiteRtSetOptionsHardwareAccelerators(options_.get(), litert::kCpu), file_.path, "choosing the CPU");
    // LiteRT reads the options of its CPU part as TOML, under the name of XNNPACK.
    const std::string toml = "num_threads = " + std::to_string(num_threads) + "\n";
    char* payload = static_cast<char*>(std::malloc(toml.size() + 1));
    if (payload == nullptr) throw std::bad_alloc();
    std::memcpy(payload, toml.c_str(), toml.size() + 1);
    litert::LiteRtOpaqueOptionsT* cpu = nullptr;
    const litert::Status created = litert::LiteRtCreateOpaqueOptions("xnnpack", payload, std::free, &cpu);
    if (created != 0) std::free(payload);
    check(created, file_.path, "setting the number of threads");
    const litert::Status added = litert::LiteRtAddOpaqueOptions(options_.get(), cpu);
    if (added != 0) litert::LiteRtDestroyOpaqueOptions(cpu);
    check(added, file_.path, "setting the number of threads");

    litert::LiteRtCompiledModelT* new_compiled = nullptr;
    check(litert::LiteRtCreateCompiledModel(file_.environment.get(), file_.model.get(), options_.get(), &new_compiled),
          file_.path, "preparing the network");
    compiled_.reset(new_compiled);
  }

  Buffer buffer(const litert::RankedType& type, const AlignedBytes& memory) const {
    litert::LiteRtTensorBufferT* result = nullptr;
    check(litert::LiteRtCreateTensorBufferFromHostMemory(&type, memory.data(), memory.size(), nullptr, &result),
          file_.path, "preparing its tensors");
    return Buffer(result);
  }

  const float* logits() {
    if (file_.output.element == litert::kFloat32) return reinterpret_cast<const float*>(output_.data());
    float values[256];  // of each byte
    for (int byte = 0; byte < 256; ++byte) {
      const int quantized = file_.output.element == litert::kUInt8 || byte < 128 ? byte : byte - 256;
      values[byte] = static_cast<float>(quantized - file_.quantization.zero_point) * file_.quantization.scale;
    }
    scratch_.logits.resize(bytes_of(file_.output));
    const std::uint8_t* const bytes = output_.data();
    for (std::size_t i = 0; i < scratch_.logits.size(); ++i) scratch_.logits[i] = values[bytes[i]];
    return scratch_.logits.data();
  }

  const File& file_;
  AlignedBytes input_, output_;
  CompileOptions options_;
  Compiled compiled_;
  Buffer input_buffer_, output_buffer_;
  Scratch scratch_;
};

}  // namespace detail

inline Image::operator ImageView() const {
  if (height > 0 && width > 0 && pixels.size() != 3 * static_cast<std::size_t>(height) * width) {
    throw Error("an image of " + detail::text(Size{height, width}) + " (height x width) has " +
                std::to_string(pixels.size()) + " bytes; RGB takes 3 for each pixel");
  }
  return {pixels.data(), height, width, 0};
}

// Bilinear upsampling and arg-max of finite float32 [height, width, classes] logits -> labels of `size`. Every pixel is
// what TensorFlow's `tf.argmax(tf.image.resize(logits, size), -1)` gives: half-pixel centers, the lowest of equal
// classes.
// Throws Error where a size is not positive or there are more than 256 classes.
inline Labels upsample_argmax(const float* logits, Size small, int classes, Size size) {
  if (small.height < 1 || small.width < 1 || size.height < 1 || size.width < 1) {
    throw Error("upsampling from " + detail::text(small) + " to " + detail::text(size) + ": no pixels");
  }
  if (classes < 1 || classes > 256) {
    throw Error("logits have " + std::to_string(classes) + " classes; labels are uint8: 1 to 256 are possible");
  }
  Labels labels{size.height, size.width, std::vector<std::uint8_t>(static_cast<std::size_t>(size.height) * size.width)};
  detail::Scratch scratch;
  detail::upsample_argmax(logits, small, classes, size, size, scratch, labels.ids.data());
  return labels;
}

// Labels images of any size with the network of an exported .tflite file: float32, float16 or int8; logits,
// probabilities or labels out.
//
// Several threads may use one Segmenter; inference is serialized. To label several images at once, use `stream`.
class Segmenter {
 public:
  // Throws Error where the file is missing, damaged or of another kind, or an option is not positive.
  explicit Segmenter(const std::string& path, Options options = {}) : options_(checked(options)), file_(path) {
    engines_.push_back(std::make_unique<detail::Engine>(file_, options_.num_threads));
  }
  Segmenter(const Segmenter&) = delete;
  Segmenter& operator=(const Segmenter&) = delete;

  Size size() const { return file_.size; }              // of the images that the file takes
  int num_classes() const { return file_.num_classes; }  // 256 where neither the file nor its JSON says
  int size_multiple() const { return file_.size_multiple; }
  // How many threads a stream has by default: as many as find cores for the threads of an image.
  int workers() const {
    return std::max(1, static_cast<int>(std::thread::hardware_concurrency()) / options_.num_threads);
  }

  // Labels of an RGB image, as large as the image. Throws Error where the image has no pixels, or cannot be padded.
  Labels segment(const ImageView& image) {
    Labels labels = room_for(image);
    segment(image, labels.ids.data());
    return labels;
  }

  // The same into memory of the caller, height * width bytes.
  void segment(const ImageView& image, std::uint8_t* labels) {
    const std::lock_guard<std::mutex> turn(mutex_);
    segment(*engines_.front(), image, labels);
  }

  // Labels frame after frame with several worker threads, each with an engine of its own.
  //
  // `next_frame(Image&) -> bool` writes the next frame into the Image, which may be one that was used before, or
  // returns false at the end. `use_labels(const Image&, const Labels&)` takes the labels, in the order of the frames;
  // if it returns bool, false ends the stream. Both run on the calling thread. At most one frame more than there are
  // workers is being processed, so labels may come after later frames were read. An exception, of either function or
  // for a frame, is thrown in the place of that frame's labels, after all labels before it. No thread is left running.
  //
  // `workers` 0: as many as `workers()`. One stream at a time; `segment` waits until it is over.
  template <typename NextFrame, typename UseLabels>
  void stream(NextFrame next_frame, UseLabels use_labels, int workers = 0) {
    if (workers < 0) {
      throw Error("workers = " + std::to_string(workers) + ": it must be 1 or more, or 0 for as many as fit the cores");
    }
    const std::lock_guard<std::mutex> turn(mutex_);
    const std::size_t count = static_cast<std::size_t>(workers == 0 ? this->workers() : workers);
    while (engines_.size() < count) engines_.push_back(std::make_unique<detail::Engine>(file_, options_.num_threads));

    std::deque<std::unique_ptr<Job>> pending;
    std::vector<std::unique_ptr<Job>> spare;
    Pool pool(*this, count);  // after the jobs: its threads end before these do
    std::exception_ptr failure;  // of the source; thrown after the labels of the frames before it
    const auto use_first = [&]() -> bool {
      pool.wait(*pending.front());
      std::unique_ptr<Job> job = std::move(pending.front());
      pending.pop_front();
      if (job->failure) std::rethrow_exception(job->failure);
      bool more = true;
      if constexpr (std::is_void_v<decltype(use_labels(job->frame, job->labels))>) {
        use_labels(job->frame, job->labels);
      } else {
        more = use_labels(job->frame, job->labels);
      }
      job->done = false;
      spare.push_back(std::move(job));
      return more;
    };

    while (true) {
      if (spare.empty()) spare.push_back(std::make_unique<Job>());
      std::unique_ptr<Job> job = std::move(spare.back());
      spare.pop_back();
      try {
        if (!next_frame(job->frame)) break;
      } catch (...) {
        failure = std::current_exception();
        break;
      }
      pending.push_back(std::move(job));
      pool.add(*pending.back());
      // One waits, so that no thread does; what is done already is not kept back.
      while (pending.size() > count || (!pending.empty() && pool.is_done(*pending.front()))) {
        if (!use_first()) return;
      }
    }
    while (!pending.empty()) {
      if (!use_first()) return;
    }
    if (failure) std::rethrow_exception(failure);
  }

 private:
  struct Job {
    Image frame;
    Labels labels;
    std::exception_ptr failure;
    bool done = false;
  };

  // Worker threads that label jobs. Its end drops the jobs that wait, and waits for those that are being labeled.
  class Pool {
   public:
    Pool(Segmenter& segmenter, std::size_t workers) {
      try {
        for (std::size_t i = 0; i < workers; ++i) {
          threads_.emplace_back([this, &segmenter, engine = segmenter.engines_[i].get()] { work(segmenter, *engine); });
        }
      } catch (...) {
        stop();
        throw;
      }
    }
    ~Pool() { stop(); }
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;

    void add(Job& job) {
      {
        const std::lock_guard<std::mutex> lock(mutex_);
        waiting_.push_back(&job);
      }
      added_.notify_one();
    }

    void wait(const Job& job) {
      std::unique_lock<std::mutex> lock(mutex_);
      finished_.wait(lock, [&job] { return job.done; });
    }

    bool is_done(const Job& job) {
      const std::lock_guard<std::mutex> lock(mutex_);
      return job.done;
    }

   private:
    void work(Segmenter& segmenter, detail::Engine& engine) {
      while (true) {
        Job* job = nullptr;
        {
          std::unique_lock<std::mutex> lock(mutex_);
          added_.wait(lock, [this] { return stopped_ || !waiting_.empty(); });
          if (stopped_) return;
          job = waiting_.front();
          waiting_.pop_front();
        }
        try {
          job->labels = room_for(job->frame, std::move(job->labels));
          segmenter.segment(engine, job->frame, job->labels.ids.data());
        } catch (...) {
          job->failure = std::current_exception();
        }
        {
          const std::lock_guard<std::mutex> lock(mutex_);
          job->done = true;
        }
        finished_.notify_one();
      }
    }

    void stop() {
      {
        const std::lock_guard<std::mutex> lock(mutex_);
        stopped_ = true;
      }
      added_.notify_all();
      for (std::thread& thread : threads_) thread.join();
    }

    std::mutex mutex_;
    std::condition_variable added_, finished_;
    std::deque<Job*> waiting_;
    bool stopped_ = false;
    std::vector<std::thread> threads_;
  };

  static Options checked(Options options) {
    if (options.num_threads < 1) {
      throw Error("num_threads = " + std::to_string(options.num_threads) + ": it must be 1 or more");
    }
    return options;
  }

  static Labels room_for(const ImageView& image, Labels used = {}) {
    used.height = image.height, used.width = image.width;
    used.ids.resize(detail::has_pixels(image) ? static_cast<std::size_t>(image.height) * image.width : 0);
    return used;
  }

  void segment(detail::Engine& engine, ImageView image, std::uint8_t* labels) const {
    const Size size = {image.height, image.width}, target = file_.size;
    if (!detail::has_pixels(image)) {
      throw Error("an image is " + detail::text(size) + " (height x width): it has no pixels");
    }
    const std::size_t row_bytes = 3 * static_cast<std::size_t>(image.width);
    if (image.stride == 0) image.stride = row_bytes;
    if (image.stride < row_bytes) {
      throw Error("an image has rows of " + std::to_string(image.stride) + " bytes; " + std::to_string(image.width) +
                  " RGB pixels take " + std::to_string(row_bytes));
    }
    const bool padded = is_padded(size);
    if (padded) {
      detail::pad_image(image, target, engine.image());
    } else if (options_.resize_mode == ResizeMode::pad) {
      throw Error("an image of " + detail::text(size) + " (height x width) cannot be padded to the smaller " +
                  detail::text(target) + "; resize it, or export the network for larger images");
    } else {
      detail::resize_image(image, target, engine.image());
    }
    engine.segment(image, padded, labels);
  }

  // Whether an image of `size` fits the file's by padding; one of the file's size does, without any.
  bool is_padded(Size size) const {
    const int down = file_.size.height - size.height, right = file_.size.width - size.width;
    if (down == 0 && right == 0) return true;
    if (down < 0 || right < 0 || options_.resize_mode == ResizeMode::resize) return false;
    return options_.resize_mode == ResizeMode::pad || std::max(down, right) < file_.size_multiple;
  }

  Options options_;
  detail::File file_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<detail::Engine>> engines_;
};

}  // namespace contextnet

// The code that includes this header keeps its own settings.
#if defined(__clang__) || defined(_MSC_VER)
#pragma float_control(pop)
#elif defined(__GNUC__)
#pragma GCC pop_options
#endif

#endif  // CONTEXTNET_HPP
