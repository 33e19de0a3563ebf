<?php
// Debian's symfony/mercure, driven by what stands on the standard input: a hub's URL, the secret, a list of updates to
// publish, and what a cookie is to grant. Prints what came of each.
require 'Symfony/Component/Mercure/autoload.php';

use Symfony\Component\HttpFoundation\Request;
use Symfony\Component\Mercure\Authorization;
use Symfony\Component\Mercure\Hub;
use Symfony\Component\Mercure\HubRegistry;
use Symfony\Component\Mercure\Jwt\FactoryTokenProvider;
use Symfony\Component\Mercure\Jwt\TokenFactoryInterface;
use Symfony\Component\Mercure\Update;

$given = json_decode(stream_get_contents(STDIN), true, 512, JSON_THROW_ON_ERROR);

// Debian has no lcobucci/jwt; the claims are those that its factory makes.
$factory = new class($given['secret']) implements TokenFactoryInterface {
    public function __construct(private string $secret)
    {
    }

    public function create(?array $subscribe = [], ?array $publish = [], array $additionalClaims = []): string
    {
        $end = $additionalClaims['exp'] ?? new DateTimeImmutable('+10 minutes');
        unset($additionalClaims['exp']);
        $part = fn (string $bytes): string => rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
        $claims = ['exp' => (float) $end->format('U.u'), 'mercure' => ['publish' => $publish, 'subscribe' => $subscribe] + ($additionalClaims['mercure'] ?? [])];
        $input = $part('{"typ":"JWT","alg":"HS256"}') . '.' . $part(json_encode($claims));
        return $input . '.' . $part(hash_hmac('sha256', $input, $this->secret, true));
    }
};
$hub = new Hub($given['url'], new FactoryTokenProvider($factory, [], ['*']), $factory, $given['public']);

$came = [];
foreach ($given['updates'] as $update) {
    try {
        $came[] = $hub->publish(new Update(...$update));
    } catch (Throwable $error) {
        for ($said = []; $error; $error = $error->getPrevious()) {
            $said[] = $error->getMessage();
        }
        $came[] = $said;
    }
}
$request = Request::create($given['public']);
$cookie = (new Authorization(new HubRegistry($hub)))->createCookie($request, $given['subscribe'], null, ['mercure' => ['payload' => ['id' => 7]]]);
echo json_encode(['came' => $came, 'cookie' => (string) $cookie, 'value' => $cookie->getValue()], JSON_THROW_ON_ERROR);
