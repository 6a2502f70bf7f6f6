/** Bounds that hold everywhere, in bytes unless said otherwise. */
export const LIMITS = {
  /** A message's body. RabbitMQ and NATS both carry 1 MiB with room for headers. */
  messageBytes: 1_048_576,
  /** A message's headers, as the table that AMQP sends. */
  headerBytes: 65_536,
  /** A Dockerfile. */
  dockerfileBytes: 1_048_576,
  /** A manifest (distribution's own limit). */
  manifestBytes: 4_194_304,
  /** Lines of output kept in a failure's detail. */
  detailLines: 20,
  /** Characters of a failure's detail. */
  detailCharacters: 4_000,
} as const;
