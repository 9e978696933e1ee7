/**
 * Headers of which readers disagree, and what the reference reader says of them: safetensors 0.8.0 for Python, `deserialize()`, asked for
 * each. A header of JSON, and how many bytes of data follow it. Names that are there twice are allowed by that reader and forbidden by the
 * format, and so refused here.
 */
const good = '"dtype":"U8","shape":[1],"data_offsets":[0,1]';
const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);

export const accepted: Readonly<Record<string, readonly [header: string, bytes: number]>> = {
  "metadata that is null": [`{"__metadata__":null,"a":{${good}}}`, 1],
  "metadata without a member": [`{"__metadata__":{},"a":{${good}}}`, 1],
  "metadata by an escaped name": [`{"__metadata\\u005f_":{"x":"2"},"a":{${good}}}`, 1],
  "no tensors": ["{}", 0],
  "a pair of surrogates": [`{"\\ud83d\\ude00":{${good}}}`, 1],
  "a field that nobody knows": [`{"a":{${good},"x":{"y":[1,2.5e3,null,true,-0,123456789012345678901234567890]}}}`, 1],
  "a tensor without a name": [`{"":{${good}}}`, 1],
  "space before and behind": [` \n\t\r{ "a" : {${good}} }\n\t `, 1],
  "DEL in a name": [`{"a\x7f":{${good}}}`, 1],
  "a nested field": [`{"a":{${good},"x":${nested(125)}}}`, 1],
  "half a byte twice": ['{"a":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}}', 1],
  "a name out of a prototype": [`{"__proto__":{${good}}}`, 1],
  "an escaped field": ['{"a":{"\\u0064type":"U8","shape":[1],"data_offsets":[0,1]}}', 1],
  "an escaped quote and backslashes": [`{"a\\"\\\\\\"\\\\":{${good}}}`, 1],
};

/** Refused here, and by other strict readers. */
export const twice: typeof accepted = {
  "a member of metadata twice": [`{"__metadata__":{"x":"1","x":"2"},"a":{${good}}}`, 1],
  "a tensor twice": [`{"a":{${good}},"a":{${good}}}`, 1],
  "a tensor twice, by an escaped name": [`{"a":{${good}},"\\u0061":{${good}}}`, 1],
  "a tensor twice, of which the last one fits": [
    `{"a":{"dtype":"U8","shape":[9],"data_offsets":[1,2]},"a":{${good}}}`,
    1,
  ],
  "a field that nobody knows twice": [`{"a":{${good},"x":1,"x":2}}`, 1],
};

export const refused: typeof accepted = {
  "metadata that is a number": [`{"__metadata__":3,"a":{${good}}}`, 1],
  "metadata that is a list": [`{"__metadata__":[],"a":{${good}}}`, 1],
  "a null in metadata": [`{"__metadata__":{"x":null},"a":{${good}}}`, 1],
  "metadata twice": [`{"__metadata__":{},"__metadata__":{},"a":{${good}}}`, 1],
  "metadata that is null twice": [`{"__metadata__":null,"__metadata__":null,"a":{${good}}}`, 1],
  "a list": ["[]", 0],
  null: ["null", 0],
  nothing: ["", 0],
  "a length with an exponent": ['{"a":{"dtype":"U8","shape":[1e0],"data_offsets":[0,1]}}', 1],
  "a length with a fraction": ['{"a":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}}', 1],
  "an offset with an exponent": ['{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1e0]}}', 1],
  "an offset of -0": ['{"a":{"dtype":"U8","shape":[1],"data_offsets":[-0,1]}}', 1],
  "a leading zero": ['{"a":{"dtype":"U8","shape":[01],"data_offsets":[0,1]}}', 1],
  "a high surrogate alone": [`{"\\ud800":{${good}}}`, 1],
  "a low surrogate alone": [`{"\\udc00":{${good}}}`, 1],
  "a surrogate alone in metadata": [`{"__metadata__":{"x":"\\ud800"},"a":{${good}}}`, 1],
  "a surrogate alone in a field that nobody knows": [`{"a":{${good},"x":"\\ud800"}}`, 1],
  "two tensors of one name": [`{"a":{${good}},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, 2],
  "a field twice": [`{"a":{${good},"dtype":"U8"}}`, 1],
  "no entry": ['{"a":null}', 0],
  "no shape": ['{"a":{"dtype":"U8","shape":null,"data_offsets":[0,1]}}', 1],
  "three offsets": ['{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}}', 1],
  "offsets that are no list": ['{"a":{"dtype":"U8","shape":[1],"data_offsets":{"0":0,"1":1}}}', 1],
  "a NUL behind it": [`{"a":{${good}}}\0`, 1],
  "more behind it": [`{"a":{${good}}} x`, 1],
  "a byte order mark": [`\ufeff{"a":{${good}}}`, 1],
  "a comma too many": [`{"a":{${good}},}`, 1],
  "a comma too few": [`{"a":{${good}}"b":{${good}}}`, 1],
  "a newline in a name": [`{"a\n":{${good}}}`, 1],
  "an escape that is none": [`{"\\x":{${good}}}`, 1],
  "a field nested too deep": [`{"a":{${good},"x":${nested(126)}}}`, 1],
  "a field nested endlessly": [`{"a":{${good},"x":${"[".repeat(1_000_000)}`, 1],
  "a number that is too large": [`{"a":{${good},"x":1e999}}`, 1],
  "a length of 2^64": ['{"a":{"dtype":"U8","shape":[18446744073709551616,0],"data_offsets":[0,0]}}', 0],
  "half a byte": ['{"a":{"dtype":"F4","shape":[1],"data_offsets":[0,1]}}', 1],
  "an unknown type": ['{"a":{"dtype":"u8","shape":[1],"data_offsets":[0,1]}}', 1],
  "a word that is none": [`{"a":{${good},"x":tru}}`, 1],
};

/** The file of such a header: not aligned, as other programs write it. */
export function fileOf([header, bytes]: readonly [header: string, bytes: number]): Uint8Array {
  const text = new TextEncoder().encode(header);
  const file = new Uint8Array(8 + text.length + bytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  return file;
}
